//! Training batches: windows of data, noised to independent levels.

use std::sync::Arc;

use forethought_envs::data::{
    Dataset, DatasetNormalizer, Padding, RewardConvention, Support, Trajectory, Window, WindowIndex,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::balance::Balance;
use super::data::{least_rows, window_rows};
use super::moved::next_moved;
use super::rows::{Asked, Row, RowLevels, draw_levels};
use crate::dynamics::LocalDynamics;
use crate::layout::{FIRST_CHUNK, GOAL, STATE, is_visible};
use crate::noise::{LossWeight, Target};
use crate::objects::Arrangement;
use crate::preconditioning::{Scratch, Terms};
use crate::returns::{ReturnScale, StepReturns};
use crate::{ModelConfig, PlannerError, Preconditioning, TokenLayout, TrainBatch, TrainConfig, random};

/// Names the stream of data order and noise apart from that of the weights.
pub(super) const DATA_STREAM: u64 = 1;
/// Names the stream of the batch that held-out data are measured with.
pub(super) const VALIDATION_STREAM: u64 = 3;

/// Names the stream of the sequences that tell how often the data lead where.
const BALANCE_STREAM: u64 = 4;
/// Number of these: a hundred or so for a way in a maze.
const BALANCE_DRAWS: usize = 200_000;
/// Draws of a window at most, until one holds the sequence asked for, and of such windows, until one is kept, of sixteen
/// or so. Data of which not one window in so many is long enough give shorter sequences instead, as they should: few
/// trajectories are not to be drawn over and over.
const MOST_DRAWS: usize = 64;

/// Numbers of a batch at most: 4 GiB for each of its three arrays.
const MOST_NUMBERS: usize = 1 << 30;

/// Makes the batch of any step, from the step's number alone.
pub struct BatchMaker {
    rows: Arc<Rows>,
    windows: WindowIndex,
    /// Chunks of the longest sequence that is drawn: the layout's, or where sequences begin anywhere what the data hold of it.
    longest: usize,
    /// Where some sequences are drawn more often than others.
    balance: Option<Arc<Balance>>,
    /// Rows that a leap is near, where sequences that begin there are drawn more often.
    near_leaps: Option<Arc<Vec<bool>>>,
    /// What the data's sequences earn, where the network is told it.
    returns: Option<ReturnScale>,
    preconditioning: Preconditioning,
    train: TrainConfig,
}

/// The data as the network sees them.
struct Rows {
    observations: Vec<f32>,
    actions: Vec<f32>,
    /// Reward of the step from each row to the next.
    rewards: Vec<f32>,
    /// Where the network is told returns.
    returns: Option<StepReturns>,
    /// The thing that is moved next, from each row on; empty where there are no things that are alike.
    next_moved: Vec<Option<usize>>,
}

/// One sequence's numbers while they are made, `[T, D]` and `[T, P]`.
#[derive(Default)]
pub(super) struct Buffers {
    /// What answers are held against.
    pub clean_td: Vec<f64>,
    /// What the network is shown.
    pub noisy_td: Vec<f64>,
    weight_tp: Vec<f64>,
    told: Vec<u16>,
    terms: Terms,
    scratch: Scratch,
}

/// What a sequence asks for, and where in the data it is.
struct Drawn {
    start: usize,
    chunks: usize,
    goal: bool,
    levels: RowLevels,
}

impl Drawn {
    /// Whether a part of a token is asked for: what is past of a question weighs nothing.
    fn asks(&self, layout: &TokenLayout, token: usize, part: usize) -> bool {
        let RowLevels { level_tp, past } = &self.levels;
        token < FIRST_CHUNK || level_tp[token * layout.parts() + part] > *past
    }
}

impl BatchMaker {
    /// Batches from all of `dataset`, whose observations must follow one another (see
    /// [`Dataset::repair_stale_observations`]), scaled by `normalizer`. `dynamics` are those of the data where the layout
    /// has blocks of levels.
    ///
    /// A trajectory shorter than a sequence makes sequences with fewer chunks; their missing chunks are as invisible
    /// as those past a random end.
    ///
    /// # Errors
    /// [`PlannerError::Env`] when no trajectory holds a single chunk, or the data do not fit the layout;
    /// [`PlannerError::Setting`] when rewards are to be planned or returns told and the data record none, when ways are to be
    /// balanced and goals speak of no entries, and for batches that are too large.
    pub fn new(
        dataset: &Dataset,
        normalizer: &DatasetNormalizer,
        dynamics: Option<&LocalDynamics>,
        layout: &TokenLayout,
        model: &ModelConfig,
        train: &TrainConfig,
    ) -> Result<Self, PlannerError> {
        let trajectories = dataset.trajectories(true);
        Self::over(dataset, &trajectories, (normalizer, dynamics), layout, model, train)
    }

    /// As [`Self::new`], from some of the trajectories of `dataset`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn over(
        dataset: &Dataset,
        trajectories: &[Trajectory],
        (normalizer, dynamics): (&DatasetNormalizer, Option<&LocalDynamics>),
        layout: &TokenLayout,
        model: &ModelConfig,
        train: &TrainConfig,
    ) -> Result<Self, PlannerError> {
        dataset.check()?;
        layout.check()?;
        crate::error::check_len("data observation", layout.observation, dataset.observation_dim)?;
        crate::error::check_len("data action", layout.action, dataset.action_dim)?;
        if layout.reward && dataset.metadata.rewards == RewardConvention::Missing {
            return Err(PlannerError::Setting {
                name: "model.reward",
                value: "true".into(),
                remedy: "the data record no rewards: set it to false, or add `rewards` to the data".into(),
            });
        }
        let widest = model.network.input(layout);
        let numbers = [train.batch, layout.tokens(layout.chunks), widest];
        let numbers = numbers.iter().try_fold(1usize, |product, n| product.checked_mul(*n));
        if numbers.is_none_or(|numbers| numbers > MOST_NUMBERS) {
            return Err(PlannerError::Setting {
                name: "train.batch",
                value: train.batch.to_string(),
                remedy: format!(
                    "with {} tokens of {} numbers that is more than fits: give fewer, or a smaller model",
                    layout.tokens(layout.chunks),
                    widest
                ),
            });
        }
        let placed = [("train.balance", train.balance), ("train.near_leaps", train.near_leaps)];
        if let Some((name, value)) =
            placed.into_iter().find(|(_, value)| *value > 0.0 && layout.condition.is_empty())
        {
            return Err(PlannerError::Setting {
                name,
                value: value.to_string(),
                remedy: "places are told by the entries that goals speak of, and there are none: set it to 0, or describe \
                         features of kind `position`"
                    .into(),
            });
        }
        let windows = windows(dataset, trajectories, layout, train)?;
        let (mut observations, mut actions) = (dataset.observations.clone(), dataset.actions.clone());
        normalizer.observation.normalize_f32(&mut observations)?;
        normalizer.action.normalize_f32(&mut actions)?;
        let rewards = (0..dataset.len()).map(|row| dataset.step_reward(row).unwrap_or(0.0)).collect();
        let returns = layout.returns.then(|| StepReturns::new(dataset));
        let next_moved = match layout.objects.is_empty() {
            true => Vec::new(),
            false => next_moved(&observations, &dataset.trajectories(true), layout),
        };
        let steps = window_rows(layout) - 1;
        let scale = returns.as_ref().map(|returns| ReturnScale::of(dataset, returns, trajectories, steps));
        Ok(Self {
            returns: scale.transpose()?,
            rows: Arc::new(Rows { observations, actions, rewards, returns, next_moved }),
            balance: None,
            near_leaps: near_leaps(dataset, layout, train),
            longest: longest(&windows, layout, train),
            windows,
            preconditioning: model.preconditioning(layout, dynamics)?,
            train: train.clone(),
        }
        .balanced(dataset))
    }

    /// Batches from other trajectories of the same data.
    ///
    /// # Errors
    /// [`PlannerError::Env`] when none of them holds a single chunk.
    pub fn with_trajectories(
        &self,
        dataset: &Dataset,
        trajectories: &[Trajectory],
    ) -> Result<Self, PlannerError> {
        let windows = windows(dataset, trajectories, self.layout(), &self.train)?;
        Ok(Self {
            rows: Arc::clone(&self.rows),
            longest: longest(&windows, self.layout(), &self.train),
            windows,
            balance: self.balance.clone(),
            near_leaps: self.near_leaps.clone(),
            returns: self.returns.clone(),
            preconditioning: self.preconditioning.clone(),
            train: self.train.clone(),
        })
    }

    /// What networks are shown of its tokens, and what their answers mean.
    pub fn preconditioning(&self) -> &Preconditioning {
        &self.preconditioning
    }

    /// What the data's sequences earn, where networks are told it.
    pub fn returns(&self) -> Option<&ReturnScale> {
        self.returns.as_ref()
    }

    pub(super) fn layout(&self) -> &TokenLayout {
        self.preconditioning.layout()
    }

    /// The settings it draws by.
    pub(super) fn settings(&self) -> &TrainConfig {
        &self.train
    }

    /// The same for a network that was told returns of this scale, whatever these data's is.
    pub(super) fn telling(self, returns: Option<ReturnScale>) -> Self {
        Self { returns, ..self }
    }

    /// The windows that sequences are cut from.
    pub fn windows(&self) -> &WindowIndex {
        &self.windows
    }

    /// Tokens per sequence.
    pub fn tokens(&self) -> usize {
        self.layout().tokens(self.layout().chunks)
    }

    /// The batch of step `step`.
    pub fn batch(&self, step: u64) -> TrainBatch {
        self.draw(DATA_STREAM, step, 0..self.train.batch)
    }

    /// Of the batch of step `step` the sequences in `own`: all others have their lengths and weigh nothing.
    pub(super) fn part(&self, step: u64, own: std::ops::Range<usize>) -> TrainBatch {
        self.draw(DATA_STREAM, step, own)
    }

    /// A batch that belongs to no step: what held-out data are measured with, always the same.
    pub fn validation_batch(&self) -> TrainBatch {
        self.draw(VALIDATION_STREAM, 0, 0..self.train.batch)
    }

    fn draw(&self, stream: u64, step: u64, own: std::ops::Range<usize>) -> TrainBatch {
        let mut batch = self.blank();
        let mut existing = 0usize;
        let mut buffers = Buffers::default();
        for sequence in 0..self.train.batch {
            let mut rng = random::stream(self.train.seed, &[stream, step, sequence as u64]);
            let drawn = self.sequence(&mut rng);
            (batch.chunks_b[sequence], batch.goal_b[sequence]) = (drawn.chunks, drawn.goal);
            let asks = |token: usize, part: usize| drawn.asks(self.layout(), token, part);
            existing += self.count((drawn.chunks, drawn.goal), &asks);
            if own.contains(&sequence) {
                self.fill(&mut rng, sequence, &drawn, &mut buffers, &mut batch);
            }
        }
        batch.of_slots(existing);
        batch
    }

    /// A batch of which nothing is said yet.
    pub(super) fn blank(&self) -> TrainBatch {
        let (b, t, d) = (self.train.batch, self.tokens(), self.layout().width());
        TrainBatch {
            input_bti: vec![0.0; b * t * self.preconditioning.input()],
            clean_btd: vec![0.0; b * t * d],
            weight_btd: vec![0.0; b * t * d],
            level_btl: vec![0; b * t * self.layout().told_levels()],
            chunks_b: vec![0; b],
            goal_b: vec![false; b],
        }
    }

    /// Draws what a sequence asks for, and where in the data it is.
    fn sequence(&self, rng: &mut ChaCha8Rng) -> Drawn {
        let layout = self.layout();
        let begins = self.train.from_start > 0.0
            && self.train.begins_anywhere()
            && rng.random_bool(self.train.from_start);
        let drawn =
            self.train.random_ends.then(|| if begins { self.any_length(rng) } else { self.length(rng) });
        let row = Row::draw(rng, &self.train, layout);
        let chunks = drawn.unwrap_or_else(|| match row {
            // What was done and what would happen is asked of sequences of any length.
            Row::Imagine | Row::InferActions => rng.random_range(1..=layout.chunks),
            _ => layout.chunks,
        });
        let hidden = row.hides_goal(rng, &self.train);
        let goal = layout.has_condition() && !hidden;
        let near_leap =
            row == Row::Imagine && self.near_leaps.is_some() && rng.random_bool(self.train.near_leaps);
        let (window, asked) = match (begins, near_leap) {
            (true, _) => (self.windows.sample_beginning(rng, layout.frames_per_token), None),
            (_, true) => self.near_leap(rng, chunks),
            _ => (self.window(rng, chunks, goal), None),
        };
        let (start, chunks) = (window.start, self.chunks_in(window, chunks));
        let trained = self.preconditioning.schedule().levels();
        let levels = draw_levels(rng, (row, asked), &self.train, layout, trained, chunks);
        Drawn { start, chunks, goal, levels }
    }

    /// Number of a sequence's slots that weigh in.
    pub(super) fn count(&self, (chunks, goal): (usize, bool), asks: &dyn Fn(usize, usize) -> bool) -> usize {
        let (layout, of) = (self.layout(), self.preconditioning.part_of_slots());
        let slots = |token: usize| {
            (0..layout.width()).filter(move |&i| layout.exists(token, i) && asks(token, of[i])).count()
        };
        (0..self.tokens()).filter(|&token| is_visible(token, chunks, goal)).map(slots).sum()
    }

    /// Fills a sequence's part of the batch.
    fn fill(
        &self,
        rng: &mut ChaCha8Rng,
        sequence: usize,
        drawn: &Drawn,
        buffers: &mut Buffers,
        batch: &mut TrainBatch,
    ) {
        let &Drawn { start, chunks, goal, ref levels } = drawn;
        self.noise(rng, start, chunks, goal, &levels.level_tp, buffers);
        let asks = |token: usize, part: usize| drawn.asks(self.layout(), token, part);
        self.write(sequence, (chunks, goal), &levels.level_tp, &asks, buffers, batch);
    }

    /// Writes what a network is shown of a noisy sequence, and what its answers are held against where they are asked for.
    pub(super) fn write(
        &self,
        sequence: usize,
        (chunks, goal): (usize, bool),
        level_tp: &[u16],
        asks: &dyn Fn(usize, usize) -> bool,
        buffers: &mut Buffers,
        batch: &mut TrainBatch,
    ) {
        let (layout, t, d) = (self.layout(), self.tokens(), self.layout().width());
        let Buffers { clean_td, noisy_td, weight_tp, told, terms, scratch } = buffers;
        let (count, halves) = (layout.parts(), if layout.level_blocks == 0 { 1 } else { 2 });
        let frames = layout.frames_per_token as f64 / layout.level_blocks.max(1) as f64;
        weight_tp.resize(level_tp.len(), 0.0);
        self.train.weight.weights(self.preconditioning.schedule(), level_tp, halves, frames, weight_tp);
        let (input, levels) = (self.preconditioning.input(), layout.told_levels());
        let part_of_slots = self.preconditioning.part_of_slots();
        for token in (0..t).filter(|&token| is_visible(token, chunks, goal)) {
            told.clear();
            self.preconditioning.tell(token, level_tp, told);
            self.preconditioning.terms(token, told, terms);
            self.preconditioning.show(token, noisy_td, terms, scratch);
            let at = sequence * t + token;
            batch.level_btl[at * levels..(at + 1) * levels].copy_from_slice(told);
            let shown = batch.input_bti[at * input..(at + 1) * input].iter_mut();
            shown.zip(&scratch.input).for_each(|(shown, x)| *shown = *x as f32);
            let asked = |&i: &usize| layout.exists(token, i) && asks(token, part_of_slots[i]);
            for i in (0..d).filter(asked) {
                batch.clean_btd[at * d + i] = clean_td[token * d + i] as f32;
                let scale = terms.scale()[i];
                let unit = match (self.train.weight, self.preconditioning.target()) {
                    // Uniform weights are those of answers.
                    (LossWeight::Uniform, _) => scale * scale,
                    // Answers move estimates the less, the better linear dynamics are; where walls are is learnt no slower.
                    (_, Target::Residual) => scale,
                    _ => 1.0,
                };
                batch.weight_btd[at * d + i] = (weight_tp[token * count + part_of_slots[i]] / unit) as f32;
            }
        }
    }

    /// Draws a sequence for a lesson: the row that it begins at, its chunks, and whether it shows its goal.
    pub(super) fn lesson(&self, rng: &mut ChaCha8Rng) -> (usize, usize, bool) {
        let chunks = if self.train.random_ends { self.length(rng) } else { self.layout().chunks };
        let goal = self.layout().has_condition() && !rng.random_bool(self.train.condition_dropout);
        let window = self.window(rng, chunks, goal);
        (window.start, self.chunks_in(window, chunks), goal)
    }

    fn any_length(&self, rng: &mut ChaCha8Rng) -> usize {
        rng.random_range(1..=self.longest)
    }

    /// Draws the chunks of a sequence.
    fn length(&self, rng: &mut ChaCha8Rng) -> usize {
        if self.train.length_bias <= 1.0 {
            return self.any_length(rng);
        }
        let share = rng.random::<f64>().powf(self.train.length_bias);
        ((share * self.longest as f64) as usize + 1).min(self.longest)
    }

    /// Draws the window of a sequence of `chunks` chunks.
    fn window(&self, rng: &mut ChaCha8Rng, chunks: usize, goal: bool) -> Window {
        let mut window = self.long_enough(rng, chunks);
        let Some(balance) = self.balance.as_deref().filter(|_| goal) else { return window };
        for _ in 1..MOST_DRAWS {
            if balance.keeps(rng, self.ends(window, chunks)) {
                break;
            }
            window = self.long_enough(rng, chunks);
        }
        window
    }

    /// Draws the window of a sequence of `chunks` chunks and a block of it that begins where a leap is near. Which block it is
    /// does not depend on the data, and neither does what is taken on what follows: so the odds of what follows stay.
    fn near_leap(&self, rng: &mut ChaCha8Rng, chunks: usize) -> (Window, Option<Asked>) {
        let mut drawn = (self.long_enough(rng, chunks), None);
        for _ in 0..MOST_DRAWS {
            let window = self.long_enough(rng, chunks);
            let asked = Asked::draw(rng, self.layout(), self.chunks_in(window, chunks));
            let begins = window.start + asked.frames_before(self.layout());
            drawn = (window, Some(asked));
            if self.near_leaps.as_ref().is_some_and(|near| near[begins]) {
                break;
            }
        }
        drawn
    }

    /// Draws a window that holds a sequence of `chunks` chunks, where sequences begin anywhere.
    fn long_enough(&self, rng: &mut ChaCha8Rng, chunks: usize) -> Window {
        let mut window = self.windows.sample(rng);
        for _ in 1..MOST_DRAWS {
            if !self.train.begins_anywhere() || chunks_from(window, self.layout()) >= chunks {
                break;
            }
            window = self.windows.sample(rng);
        }
        window
    }

    /// First and last row of a sequence in `window`, of `drawn` chunks.
    fn ends(&self, window: Window, drawn: usize) -> [usize; 2] {
        [window.start, window.start + self.chunks_in(window, drawn) * self.layout().frames_per_token]
    }

    /// Draws sequences as the data hold them, and balances by where they lead.
    fn balanced(mut self, dataset: &Dataset) -> Self {
        if self.train.balance > 0.0 {
            let mut rng = random::stream(self.train.seed, &[BALANCE_STREAM]);
            let drawn: Vec<[usize; 2]> = (0..BALANCE_DRAWS)
                .map(|_| {
                    let chunks = self.length(&mut rng);
                    self.ends(self.window(&mut rng, chunks, true), chunks)
                })
                .collect();
            let entries = &self.layout().condition;
            let balance = Balance::of(dataset, entries, self.train.balance, drawn.into_iter());
            self.balance = Some(Arc::new(balance));
        }
        self
    }

    /// Lays out the clean tokens of a sequence that exist, and noises each part of each to its level.
    pub(super) fn noise(
        &self,
        rng: &mut ChaCha8Rng,
        start: usize,
        chunks: usize,
        goal: bool,
        level_tp: &[u16],
        buffers: &mut Buffers,
    ) {
        let (layout, t, d) = (self.layout(), self.tokens(), self.layout().width());
        let count = layout.parts();
        let part_of_slots = self.preconditioning.part_of_slots();
        let arrangement = self.arrange(rng, start, goal);
        for of in [&mut buffers.clean_td, &mut buffers.noisy_td] {
            of.clear();
            of.resize(t * d, 0.0);
        }
        for token in (0..t).filter(|&token| is_visible(token, chunks, goal)) {
            let clean_d = &mut buffers.clean_td[token * d..(token + 1) * d];
            self.clean(token, (start, chunks), &arrangement, clean_d);
            let level_p = &level_tp[token * count..(token + 1) * count];
            let noisy_d = &mut buffers.noisy_td[token * d..(token + 1) * d];
            for i in (0..d).filter(|&i| layout.exists(token, i)) {
                let abar = self.preconditioning.schedule().abar(usize::from(level_p[part_of_slots[i]]));
                let e: f64 = StandardNormal.sample(rng);
                noisy_d[i] = abar.sqrt() * clean_d[i] + (1.0 - abar).sqrt() * e;
            }
        }
    }

    /// Chunks of a sequence in `window`, of `drawn`: no more than exist, where sequences begin anywhere. Else a padded window
    /// has the same share of those that exist.
    fn chunks_in(&self, window: Window, drawn: usize) -> usize {
        let exist = chunks_from(window, self.layout());
        match self.train.begins_anywhere() {
            true => drawn.min(exist),
            false => 1 + (drawn - 1) * exist / self.layout().chunks,
        }
    }

    /// The order of things that are alike: where a sequence shows its goal the one that is moved next comes first; else any.
    fn arrange(&self, rng: &mut ChaCha8Rng, start: usize, goal: bool) -> Arrangement {
        let layout = self.layout();
        if layout.objects.is_empty() {
            return Arrangement::default();
        }
        let next = self.rows.next_moved.get(start).copied().flatten().filter(|_| goal);
        Arrangement::first(next.unwrap_or_else(|| rng.random_range(0..layout.objects.len())), layout)
    }

    /// Writes the clean token `token` of the window that starts at row `start`.
    fn clean(
        &self,
        token: usize,
        (start, chunks): (usize, usize),
        arrangement: &Arrangement,
        out: &mut [f64],
    ) {
        let layout = self.layout();
        let (o, a, f) = (layout.observation, layout.action, layout.frames_per_token);
        let last = layout.last_observation();
        let copy = |out: &mut [f64], from: &[f32]| {
            out.iter_mut().zip(from).for_each(|(out, value)| *out = f64::from(*value));
        };
        let observe = |out: &mut [f64], row: usize| {
            let seen = &self.rows.observations[row * o..(row + 1) * o];
            match arrangement.is_as_seen() {
                true => copy(out, seen),
                false => out
                    .iter_mut()
                    .enumerate()
                    .for_each(|(i, out)| *out = f64::from(seen[arrangement.seen(i)])),
            }
        };
        match token {
            STATE => observe(&mut out[last..last + o], start),
            // Hindsight: the sequence is told what it earns, or where it ends.
            GOAL if layout.returns => {
                let told = self.rows.returns.as_ref().zip(self.returns.as_ref());
                let told = told.map_or(0.0, |(of, scale)| scale.normalize(of.mean(start, chunks * f)));
                layout.write_goal(&[told], out);
            }
            GOAL => {
                let row = start + chunks * f;
                for &index in &layout.condition {
                    out[last + index] = f64::from(self.rows.observations[row * o + arrangement.seen(index)]);
                }
            }
            _ => {
                for frame in 0..f {
                    let row = start + (token - FIRST_CHUNK) * f + frame;
                    let (action, observation) = (layout.action_at(frame), layout.observation_at(frame));
                    copy(&mut out[action..action + a], &self.rows.actions[row * a..(row + 1) * a]);
                    observe(&mut out[observation..observation + o], row + 1);
                    if let Some(reward) = layout.reward_at(frame) {
                        out[reward] = f64::from(self.rows.rewards[row]);
                    }
                }
            }
        }
    }
}

/// Whether a place from which the data leap is within two blocks' travel of each row; none where that is not asked for, and
/// where they do not leap. Data of which no support can be had are said to have none where that is fitted.
fn near_leaps(dataset: &Dataset, layout: &TokenLayout, train: &TrainConfig) -> Option<Arc<Vec<bool>>> {
    if train.near_leaps <= 0.0 {
        return None;
    }
    let support = Support::fit(dataset, &layout.condition, layout.frames_per_token).ok()?;
    let travel = support.pace().filter(|_| support.has_leaps())? * 2.0 * layout.block_frames() as f64;
    let row = |row| dataset.observation(row).map(|row| row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
    let near = |at| row(at).is_some_and(|here| support.leaps_near(&here, travel));
    Some(Arc::new((0..dataset.len()).map(near).collect()))
}

/// Windows that sequences are cut from.
fn windows(
    dataset: &Dataset,
    trajectories: &[Trajectory],
    layout: &TokenLayout,
    train: &TrainConfig,
) -> Result<WindowIndex, PlannerError> {
    let least = least_rows(layout);
    let padding = if train.begins_anywhere() { Padding::Ends(least) } else { Padding::Short(least) };
    Ok(WindowIndex::over(dataset, trajectories, window_rows(layout), padding)?)
}

/// Chunks that exist in a window.
fn chunks_from(window: Window, layout: &TokenLayout) -> usize {
    (window.valid.saturating_sub(1) / layout.frames_per_token).clamp(1, layout.chunks)
}

/// See [`BatchMaker::longest`].
fn longest(windows: &WindowIndex, layout: &TokenLayout, train: &TrainConfig) -> usize {
    if !train.begins_anywhere() {
        return layout.chunks;
    }
    let longest = windows.segments().map(|(start, end)| end - start).max().unwrap_or_default();
    chunks_from(Window { start: 0, valid: longest }, layout)
}
