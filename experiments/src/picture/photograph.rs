//! Episodes and plans over photographs of what they are about: pictures of pixels, for worlds that have no flat view.
//!
//! What is drawn over them has the shapes and colours of the flat pictures: a line is what was done, from dark to light in the course of
//! the episode, dots are a plan, thin lines its sampled outcomes. All go through the photographer's places.

use forethought_agent::{EpisodeRecord, PlanRecord};
use forethought_envs::picture::{Photographer, Picture, View};
use forethought_envs::{EnvError, Task};

use super::colour;

/// Photographs of a strip.
const STRIP: usize = 5;
/// Pixels between photographs.
pub const GAP: usize = 6;
/// Seconds from one photograph of a film to the next, where it need not be quicker.
const SECONDS: f64 = 0.04;
/// Photographs of a film at most, and how long each is shown at most, milliseconds: longer episodes are shown quicker.
const MOST: usize = 150;
const SLOWEST: f64 = 80.0;
/// Seconds that are shown after the arrival, and photographs for which the end stands still.
const AFTERWARDS: f64 = 1.0;
const REST: usize = 12;
/// Seconds of a step where nobody said.
const STEP_SECONDS: f64 = 0.05;
/// Widths as parts of the picture's height: of the way, of a plan's dots, of an outcome, and of the edge around each.
const WAY: f64 = 0.0075;
const DOT: f64 = 0.0125;
const OUTCOME: f64 = 0.004;
const EDGE: f64 = 0.004;
/// Least distance of two dots, in their widths.
const SPACING: f64 = 1.25;
/// Colours along a way: neighbours are not told apart.
const SHADES: f64 = 32.0;
const WHITE: [u8; 4] = [255; 4];

/// A place in the world, where an observation has one.
type Place = Option<[f64; 3]>;

/// Draws episodes of one task over photographs.
pub struct Photographed<'a> {
    photographer: &'a mut dyn Photographer,
    task: &'a dyn Task,
    view: View,
}

impl<'a> Photographed<'a> {
    /// Draws by this photographer.
    pub fn new(photographer: &'a mut dyn Photographer, task: &'a dyn Task) -> Self {
        let view = photographer.view();
        Self { photographer, task, view }
    }

    /// The episode up to its arrival, or whole, in five photographs side by side, each with the way so far.
    ///
    /// # Errors
    /// Those of the photographer, and [`EnvError::Mismatch`] for an episode without observations.
    pub fn strip(&mut self, record: &EpisodeRecord) -> Result<Picture, EnvError> {
        let last = record.observations.len().saturating_sub(1);
        let end = record.arrival.unwrap_or(last).min(last);
        let way = self.places(&record.observations);
        let mut photographs = Vec::with_capacity(STRIP);
        for at in 0..STRIP {
            let step = at * end / (STRIP - 1);
            let mut picture = self.photograph(record, step)?;
            self.draw_way(&mut picture, way.get(..=step).unwrap_or_default(), 0, [0, end]);
            photographs.push(picture);
        }
        Picture::strip(&photographs, GAP)
    }

    /// The episode as an animated PNG, up to shortly after its arrival, with the way so far, and with the plan in force and what it
    /// was expected to lead to. `step_seconds` is what a step takes. Of a long episode without an arrival for a task without an end,
    /// which goes on as it began, the beginning is shown.
    ///
    /// # Errors
    /// As [`Self::strip`].
    pub fn film(&mut self, record: &EpisodeRecord, step_seconds: Option<f64>) -> Result<Vec<u8>, EnvError> {
        let Moments { steps, milliseconds } = self.moments(record, step_seconds);
        let way = self.places(&record.observations);
        let end = steps.last().copied().unwrap_or(0);
        let mut film = Vec::with_capacity(steps.len() + REST);
        for step in steps {
            let mut picture = self.photograph(record, step)?;
            if let Some(plan) = record.plans.iter().rev().find(|plan| plan.first_step <= step) {
                self.draw_outcomes(&mut picture, plan, way.get(plan.first_step).copied().flatten());
                self.draw_plan(&mut picture, plan, step - plan.first_step, [0, end]);
            }
            self.draw_way(&mut picture, way.get(..=step).unwrap_or_default(), 0, [0, end]);
            film.push(picture);
        }
        if let Some(end) = film.last().cloned() {
            film.resize(film.len() + REST, end);
        }
        Picture::animation(&film, milliseconds)
    }

    /// A plan over a photograph of where it was made: its outcomes, what was done meanwhile, and the plan; `None` where there is no such
    /// plan, or nothing of it has a place.
    ///
    /// # Errors
    /// As [`Self::strip`].
    pub fn plan(&mut self, record: &EpisodeRecord, plan: usize) -> Result<Option<Picture>, EnvError> {
        let Some(plan) = record.plans.get(plan) else { return Ok(None) };
        if self.places(&plan.observations).iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut picture = self.photograph(record, plan.first_step)?;
        let way = self.places(&record.observations);
        let end = plan.first_step.saturating_add(plan.observations.len());
        let meanwhile = way.get(plan.first_step..=end.min(way.len().saturating_sub(1))).unwrap_or_default();
        self.draw_outcomes(&mut picture, plan, meanwhile.first().copied().flatten());
        let span = [plan.first_step, end];
        self.draw_way(&mut picture, meanwhile, plan.first_step, span);
        self.draw_plan(&mut picture, plan, 0, span);
        Ok(Some(picture))
    }

    fn photograph(&mut self, record: &EpisodeRecord, step: usize) -> Result<Picture, EnvError> {
        let observation = record.observations.get(step).ok_or_else(|| {
            EnvError::Mismatch(format!(
                "an episode of {} observations has none at step {step}: it cannot be photographed there",
                record.observations.len()
            ))
        })?;
        self.photographer.photograph(observation, self.task)
    }

    fn places(&self, observations: &[Vec<f64>]) -> Vec<Place> {
        observations.iter().map(|at| self.photographer.place(at)).collect()
    }

    /// Which steps of an episode a film shows.
    fn moments(&self, record: &EpisodeRecord, step_seconds: Option<f64>) -> Moments {
        let seconds = step_seconds.filter(|seconds| *seconds > 0.0).unwrap_or(STEP_SECONDS);
        let last = record.observations.len().saturating_sub(1);
        let afterwards = (AFTERWARDS / seconds).round() as usize;
        let mut end = record.arrival.map_or(last, |step| step.saturating_add(afterwards).min(last));
        let mut stride = ((SECONDS / seconds).round() as usize).max(1);
        let first = record.observations.first();
        let endless = record.arrival.is_none() && first.is_some_and(|at| self.task.distance(at).is_none());
        match endless && end > MOST.saturating_mul(2 * stride) {
            true => end = end.min((MOST - 1).saturating_mul(stride)),
            false => stride = stride.max(end.div_ceil(MOST - 1)),
        }
        let mut steps: Vec<usize> = (0..=end).step_by(stride).collect();
        if steps.last() != Some(&end) {
            steps.push(end);
        }
        let milliseconds = (1000.0 * seconds * stride as f64).min(SLOWEST).round().max(1.0) as u16;
        Moments { steps, milliseconds }
    }

    /// Places from step `first` on as a line, coloured by time from the first step of `span` to the last.
    fn draw_way(&self, picture: &mut Picture, way: &[Place], first: usize, span: [usize; 2]) {
        let wide = WAY * picture.height() as f64;
        for run in way.split(Option::is_none) {
            let run: Vec<[f64; 3]> = run.iter().copied().flatten().collect();
            picture.path(&self.view, &run, wide + 2.0 * EDGE * picture.height() as f64, WHITE);
        }
        let shade = |at: usize| (SHADES * share(first + at, span)) as usize;
        let mut from = 0;
        while from + 1 < way.len() {
            let to = (from + 1..way.len()).find(|&at| shade(at) != shade(from)).unwrap_or(way.len() - 1);
            let part = way.get(from..=to).unwrap_or_default();
            let colour = ink(colour::time_rgb(share(first + from, span)));
            for run in part.split(Option::is_none) {
                let run: Vec<[f64; 3]> = run.iter().copied().flatten().collect();
                picture.path(&self.view, &run, wide, colour);
            }
            from = to;
        }
    }

    /// What is ahead in a plan after so many of its frames, as dots, coloured as the way is.
    fn draw_plan(&self, picture: &mut Picture, plan: &PlanRecord, behind: usize, span: [usize; 2]) {
        let (width, height) = (picture.width(), picture.height());
        let across = DOT * height as f64;
        let mut before: Option<[f64; 2]> = None;
        let mut dots = Vec::new();
        for (frame, observation) in plan.observations.iter().enumerate().skip(behind) {
            let place = self.photographer.place(observation);
            let Some(at) =
                place.and_then(|place| self.view.project(place, width, height)).map(|seen| seen.at)
            else {
                continue;
            };
            let far = |from: [f64; 2]| (at[0] - from[0]).hypot(at[1] - from[1]) >= SPACING * across;
            if before.is_none_or(far) || frame + 1 == plan.observations.len() {
                let step = plan.first_step.saturating_add(frame + 1);
                dots.push((at, colour::time_rgb(share(step, span))));
                before = Some(at);
            }
        }
        // The nearest future lies on top.
        for (at, rgb) in dots.into_iter().rev() {
            picture.disc(at, across + 2.0 * EDGE * height as f64, WHITE);
            picture.disc(at, across, ink(rgb));
        }
    }

    /// Every sampled outcome, from where the plan says that it begins; `start` is where the plan does.
    fn draw_outcomes(&self, picture: &mut Picture, plan: &PlanRecord, start: Place) {
        let wide = OUTCOME * picture.height() as f64;
        for outcome in plan.outlook.iter().flat_map(|outlook| &outlook.outcomes) {
            let from = match outcome.first_frame.checked_sub(1) {
                Some(before) => plan.observations.get(before).and_then(|at| self.photographer.place(at)),
                None => start,
            };
            let ahead = outcome.observations.iter().filter_map(|at| self.photographer.place(at));
            let line: Vec<[f64; 3]> = from.into_iter().chain(ahead).collect();
            picture.path(&self.view, &line, wide, colour::OUTCOME_INK);
        }
    }
}

/// What of an episode a film shows.
struct Moments {
    steps: Vec<usize>,
    milliseconds: u16,
}

/// How much of a span of steps lies behind at one of them.
fn share(step: usize, [first, last]: [usize; 2]) -> f64 {
    step.saturating_sub(first) as f64 / last.saturating_sub(first).max(1) as f64
}

/// A colour that covers.
fn ink([red, green, blue]: [u8; 3]) -> [u8; 4] {
    [red, green, blue, u8::MAX]
}

#[cfg(test)]
pub(crate) mod tests;
