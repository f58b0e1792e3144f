//! What is asked of the network where a task has several things to see to: one of them at a time, and the one that is moved first.

use forethought_envs::data::DatasetNormalizer;
use forethought_envs::{Condition, Frames, FramesGradient, Progress, Rows, SharedTask, Task};

use super::notes::{Notes, notes};
use super::situation::condition;
use crate::error::{check_finite, check_len};
use crate::objects::Arrangement;
use crate::plan::{History, InForce, Memory, Plan, Request};
use crate::{PlannerError, TokenLayout};

/// A request as the network is to see it.
pub(super) struct Arranged<'a> {
    request: Request<'a>,
    /// What is done first, where a task is done one thing after another.
    stage: Option<SharedTask>,
    arrangement: Arrangement,
    /// What differs from the request where things are in another order than they are seen in.
    shown: Option<Shown>,
}

/// A request's parts in another order.
struct Shown {
    observation: Vec<f64>,
    past: Vec<f64>,
    in_force: Option<Plan>,
    /// Condition of the task, in the order of the layout's.
    condition: Option<(Vec<usize>, Vec<f64>)>,
}

impl<'a> Arranged<'a> {
    /// # Errors
    /// [`PlannerError::Length`] and [`PlannerError::NonFinite`] for a malformed request.
    pub fn new(
        request: &Request<'a>,
        stages: bool,
        layout: &TokenLayout,
        normalizer: &DatasetNormalizer,
    ) -> Result<Self, PlannerError> {
        let stage = if stages { request.task.stage(request.observation) } else { None };
        let mut arranged =
            Self { request: *request, stage, arrangement: Arrangement::default(), shown: None };
        if layout.objects.is_empty() {
            return Ok(arranged);
        }
        check_len("observation", layout.observation, request.observation.len())?;
        check_finite("observation", request.observation)?;
        let wanted = condition(&Request { task: arranged.task(), ..*request }, layout, normalizer)?;
        if !wanted.is_empty() {
            let mut now = request.observation.to_vec();
            normalizer.observation.normalize(&mut now)?;
            arranged.arrangement = Arrangement::furthest_first(layout, &now, &wanted);
        }
        if !arranged.arrangement.is_as_seen() {
            arranged.shown = Some(arranged.shown(layout)?);
        }
        Ok(arranged)
    }

    fn shown(&self, layout: &TokenLayout) -> Result<Shown, PlannerError> {
        let (arrangement, request) = (&self.arrangement, &self.request);
        let steps = request.history.steps(layout)?;
        let past = arrangement.show(&request.history.observations[..steps * layout.observation]);
        let condition = self.task().condition().map(|condition| {
            let mut whole = request.observation.to_vec();
            condition.entries.iter().zip(condition.values).for_each(|(&entry, value)| {
                if let Some(slot) = whole.get_mut(entry) {
                    *slot = *value;
                }
            });
            let whole = arrangement.show(&whole);
            (layout.condition.clone(), layout.condition.iter().map(|&entry| whole[entry]).collect())
        });
        let in_force = self.in_force().map(|now| {
            let observations = arrangement.show(&now.plan.observations);
            Plan { observations, trace: Vec::new(), rejected: Vec::new(), ..now.plan.clone() }
        });
        Ok(Shown { observation: arrangement.show(request.observation), past, in_force, condition })
    }

    /// What is planned for.
    fn task(&self) -> &dyn Task {
        self.stage.as_deref().unwrap_or(self.request.task)
    }

    /// The plan in force, where it was made for the same stage and with things in the same order: what was noted of another says
    /// nothing of when this stage is done, and of which thing it speaks.
    fn in_force(&self) -> Option<InForce<'a>> {
        let same = |now: &InForce<'_>| {
            notes(now.plan)
                .is_none_or(|notes| notes.arrangement == self.arrangement && self.is_stage(&notes.stage))
        };
        self.request.in_force.filter(same)
    }

    /// Whether a stage asked for the same, up to what counts as done: what rests is asked to stay where it is seen.
    fn is_stage(&self, values: &[f64]) -> bool {
        let now = self.stage_values();
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= self.task().tolerance();
        now.len() == values.len() && now.iter().zip(values).all(near)
    }

    fn stage_values(&self) -> &[f64] {
        let condition = self.stage.as_ref().and_then(|stage| stage.condition());
        condition.map_or(&[], |condition| condition.values)
    }

    /// The task as things are shown, where that is not as they are seen.
    pub fn rearranged(&self) -> Option<Rearranged<'_>> {
        let condition = self.shown.as_ref()?.condition.as_ref();
        let condition = condition.map(|(entries, values)| Condition { entries, values });
        Some(Rearranged { task: self.task(), arrangement: &self.arrangement, condition })
    }

    /// The request as the network is to see it; `task` is [`Self::rearranged`].
    pub fn request<'b>(&'b self, task: Option<&'b Rearranged<'b>>) -> Request<'b> {
        let request = Request { task: self.task(), in_force: self.in_force(), ..self.request };
        let (Some(shown), Some(task)) = (&self.shown, task) else { return request };
        let in_force = request.in_force.zip(shown.in_force.as_ref());
        Request {
            observation: &shown.observation,
            history: History { observations: &shown.past, ..request.history },
            task,
            in_force: in_force.map(|(now, plan)| InForce { plan, executed: now.executed }),
            ..request
        }
    }

    /// A plan for the request, as things are seen. It arrives where the whole task is done.
    pub fn restore(&self, mut plan: Plan) -> Plan {
        if self.stage.is_some() {
            let done = |frame: &usize| plan.observation(*frame).is_some_and(|at| self.restored_reaches(at));
            plan.arrival = plan.arrival.filter(done);
        }
        plan.rejected = plan.rejected.into_iter().map(|plan| self.restore(plan)).collect();
        if let Some(made) = notes(&plan).filter(|_| self.stage.is_some() || !self.arrangement.is_as_seen()) {
            let (arrangement, stage) = (self.arrangement.clone(), self.stage_values().to_vec());
            plan.memory = Memory::new(Notes { arrangement, stage, ..made.clone() });
        }
        if self.arrangement.is_as_seen() {
            return plan;
        }
        plan.observations = self.arrangement.restore(&plan.observations);
        plan.out_of_data = plan.out_of_data.map(|entry| self.arrangement.seen(entry));
        for snapshot in &mut plan.trace {
            snapshot.observations = self.arrangement.restore(&snapshot.observations);
        }
        plan
    }

    fn restored_reaches(&self, shown: &[f64]) -> bool {
        self.request.task.reached(&self.arrangement.restore(shown))
    }
}

/// A task whose things are shown in another order than they are seen in.
#[derive(Debug)]
pub(super) struct Rearranged<'a> {
    task: &'a dyn Task,
    arrangement: &'a Arrangement,
    condition: Option<Condition<'a>>,
}

impl Rearranged<'_> {
    /// The observations of frames, as they would be seen.
    fn seen(&self, frames: Frames<'_>) -> (Vec<f64>, usize) {
        let observations: Vec<f64> = (0..frames.len)
            .flat_map(|frame| self.arrangement.restore(frames.observations.get(frame)))
            .collect();
        (observations, frames.observations.get(0).len())
    }
}

impl Task for Rearranged<'_> {
    fn score(&self, frames: Frames<'_>, gradient: Option<&mut FramesGradient<'_>>) -> f64 {
        let (observations, o) = self.seen(frames);
        let seen = Frames { observations: Rows::dense(&observations, o), ..frames };
        let Some(gradient) = gradient else { return self.task.score(seen, None) };
        let (a, r) = (frames.actions.get(0).len(), frames.rewards.get(0).len());
        let width = a + o + r;
        let mut slopes = vec![0.0; frames.len * width];
        let score = self.task.score(seen, Some(&mut FramesGradient::new(&mut slopes, width, a, o)));
        let add = |to: &mut [f64], of: &[f64]| to.iter_mut().zip(of).for_each(|(to, of)| *to += of);
        for (frame, slopes) in slopes.chunks_exact(width.max(1)).enumerate() {
            add(gradient.action(frame), &slopes[..a]);
            add(gradient.observation(frame), &self.arrangement.show(&slopes[a..a + o]));
            add(gradient.reward(frame), &slopes[a + o..]);
        }
        score
    }

    fn distance(&self, observation: &[f64]) -> Option<f64> {
        self.task.distance(&self.arrangement.restore(observation))
    }

    fn tolerance(&self) -> f64 {
        self.task.tolerance()
    }

    fn reached(&self, observation: &[f64]) -> bool {
        self.task.reached(&self.arrangement.restore(observation))
    }

    fn needs_rewards(&self) -> bool {
        self.task.needs_rewards()
    }

    fn condition(&self) -> Option<Condition<'_>> {
        self.condition
    }

    fn wanted_return(&self) -> Option<f64> {
        self.task.wanted_return()
    }

    fn progress(&self, plan: Frames<'_>, observation: &[f64]) -> Option<Progress> {
        let (observations, o) = self.seen(plan);
        let seen = Frames { observations: Rows::dense(&observations, o), ..plan };
        self.task.progress(seen, &self.arrangement.restore(observation))
    }
}
