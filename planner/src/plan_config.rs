//! Settings of the diffusion planner. Every default is what ships, with its reason beside it.

use serde::{Deserialize, Serialize};

use crate::monte_carlo_config::MonteCarloConfig;
use crate::{MatrixKind, PlannerError, ScheduleName, Solver, WantedReturn};

/// How plans are made. The five tables are independent of each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlanConfig {
    /// Whether the network is shown the goal, as a clean token that says where the plan ends. It then leads, and a
    /// plan's length says when it arrives. Has no effect on tasks without a condition and on networks without a goal
    /// token. On: with guidance alone maze plans score 35 less.
    pub goal_conditioning: bool,
    /// Whether tasks that are done one thing after another are planned for one thing at a time
    /// ([`forethought_envs::Task::stage`]). On: of several things at once sequences mostly show one, since the data do one after the
    /// other, and all of them take longer than a sequence.
    pub stages: bool,
    /// What plans are to earn, of networks that are shown returns (`model.condition = "return"`) and tasks that do not say it
    /// themselves: `"95%"` is what 95 of 100 sequences of the data earn at most, `"2.5"` a mean reward a step, and `"none"` shows
    /// no return. None: how far what was asked for is what comes hangs on the data.
    pub wanted_return: WantedReturn,
    /// Level, as a share of all, at which a plan begins from the one in force; 1 plans afresh. A plan that has arrived
    /// is not continued: past its arrival it shows what comes after, not how to stay. 1: everything lower scored less
    /// (3 to 46), and a fresh plan takes milliseconds.
    pub warm_start: f64,
    /// Chunks of the past that the network is shown, clean, before those it plans: a sequence holds both. As far as there is a
    /// past, and one chunk less than a sequence at most. 0: where an observation says all, the past says nothing more; where
    /// it does not, give as many as the task has to be remembered for, and train with `train.history`.
    pub history: usize,
    /// What to do where the present lies far outside the data. Flag: the plan says so, and the caller decides.
    pub out_of_data: OutOfData,
    /// How the network's answers become a plan.
    pub sampler: SamplerConfig,
    /// How plans are pulled towards what is wanted.
    pub guidance: GuidanceConfig,
    /// How long plans are.
    pub horizon: HorizonConfig,
    /// Which plan is kept.
    pub rank: RankConfig,
    /// Whether plans are chosen by what doing them leads to.
    pub monte_carlo: MonteCarloConfig,
}

/// How the network's answers become a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplerConfig {
    /// Denoising steps of one token, `S`. 6: twice as many score no more.
    pub steps: u16,
    /// How a token gets from one level to the next. With few steps `dpm-2m` loses less than `ddim`.
    pub solver: Solver,
    /// Order in which tokens are denoised. The pyramid: what is executed next is finished first.
    pub schedule: ScheduleName,
    /// Rows between the starts of neighbouring tokens of a pyramid or trapezoid. 0.2: no value scored more, and with six steps
    /// the first token is finished a row before the sixth.
    pub uncertainty_scale: f64,
    /// Tokens that must be clean before a plan is handed over; of later ones it holds the latest clean estimate. 0 is
    /// all. 1: the next plan comes before the second token is executed.
    pub clean_tokens: usize,
    /// Share of the noise that plans begin with (Ajay et al., ICLR 2023, call it low-temperature sampling). 1: what is sampled is
    /// what the data would do. Less, down to 0, for tasks in which what to do is certain and has to be exact.
    pub temperature: f64,
    /// Training level at which clean tokens are shown to the network. 10 of 1000, as in the reference: the exact zero
    /// it hardly saw in training.
    pub stabilization_level: u16,
}

/// How plans are pulled towards what is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuidanceConfig {
    /// Strength; 0 plans without. Plans that are shown the goal are guided only to stay there once they are.
    /// 600, in six steps: twice as much pushes out of the goal again (5 points on multi2d-medium), half of it lets go.
    pub scale: f64,
    /// Share of the levels at and below which a token is no longer guided: its last steps are the model's own, and
    /// join to the present what guidance pulled away from it. 0 guides to the end.
    pub end: f64,
    /// Completions of Monte Carlo guidance, `N`; 1 is ordinary guidance. 1: on the mazes more changed nothing.
    pub mc_samples: usize,
    /// Weight that ties the first planned observation to the present one, in normalised units; 0 leaves it to the
    /// network. 0.5: guidance pulls at the whole plan, its beginning included.
    pub start_weight: f64,
    /// How far plans go the way of their condition, the goal or the return that the network is shown: estimates are those without
    /// it, and so many times what it changes in them (classifier-free guidance, Ho & Salimans 2022). 1: as in the data, and half
    /// as expensive as any other value. 0: as if it was not shown.
    pub condition_scale: f64,
}

/// How long plans are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HorizonConfig {
    /// Lengths of the candidates of a first plan, in chunks. `"auto"`: with goal conditioning up to a dozen evenly
    /// spaced ones, the longest among them; without, the longest alone. The shortest come first, and with
    /// goal conditioning none longer is sampled where one arrives without leaving the data.
    pub lengths: Lengths,
    /// Chunks by which a plan may be shorter than the one in force leaves time for; the shortest that ends at the goal
    /// is kept. 1: arrivals come earlier, and the way does not waver.
    pub shrink: usize,
    /// Chunks of a plan made at the goal: it ends there as well, and guidance keeps it there in between; 0 plans one
    /// chunk and does not guide it. Without goal conditioning: chunks planned past the arrival of the plan in force.
    /// 2: longer ones leave the goal on the way there (10 points on multi2d-large).
    pub terminal_chunks: usize,
    /// How far ahead a plan may be asked to get, as a share of what the longest sequence covers at the pace of the data.
    /// Where the way to the goal is longer, the plan is made in legs, each to a place on the way that is so far ahead; 0
    /// asks for the goal, however far it is. Has no effect where the checkpoint does not say where the data have been. 0: most
    /// data hold sequences that go all the way, and where something has momentum, or the data are few, a place on the way
    /// is worse than none. For data of short episodes 0.3: in OGBench's giant maze all episodes arrive, 4 % earlier than
    /// with 0.45; with 0.6 a third do, since hardly any of the data get so far in one sequence.
    pub reach: f64,
    /// Whether plans are also made that count on a leap of the data, as if where it leads could be chosen
    /// ([`forethought_envs::data::Ways::at_best`]); of plans both ways the better is kept. Off: a plan that counts on luck is
    /// only worth making where plans are chosen by their outcomes.
    pub leaps: bool,
    /// Steps of an episode, where plans without a goal are to look no further than its end ([`crate::Request::step`] says how
    /// much of it is over); 0 where there is no end. 0: a control loop goes on. An evaluation of returns stops counting, and
    /// data of short episodes never show what would come after.
    pub episode: usize,
    /// How far what the task speaks of may be from where the plan in force said, in tolerances of the task. Further off, the
    /// arrival that was agreed on binds no longer, and the next plan takes the time of a first one; 0 keeps to it whatever comes.
    /// 0: what a robot drives is off its plan now and then, and still on the way. 0.5 for what a hand may drop: with the time that
    /// was left a plan counts on the cube to come after the hand (OGBench's single cube, `shrink` 0: 97 % of 150 arrive instead of 89).
    pub surprise: f64,
}

/// Which plan is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RankConfig {
    /// Candidates per length; the one that arrives first is kept. A plan that is to stay where the task ends has nothing
    /// to choose from and is one. 4: plans are faster than the data.
    pub candidates: usize,
    /// What a frame costs at a position where the data have never been, in frames at the goal; 0 asks for none of
    /// that ([`forethought_envs::data::Support`]). 100: with 10, a short way through a wall's corner was the better plan
    /// (path following on multi2d-medium 180 instead of 188).
    pub ood_penalty: f64,
}

/// Lengths of candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LengthsText", into = "LengthsText")]
pub enum Lengths {
    /// Chosen from the longest length that the checkpoint has.
    #[default]
    Auto,
    /// These, in chunks.
    These(Vec<usize>),
}

/// As it stands in a file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum LengthsText {
    Word(String),
    List(Vec<usize>),
}

impl TryFrom<LengthsText> for Lengths {
    type Error = String;

    fn try_from(text: LengthsText) -> Result<Self, String> {
        match text {
            LengthsText::List(list) => Ok(Self::These(list)),
            LengthsText::Word(word) if word == "auto" => Ok(Self::Auto),
            LengthsText::Word(word) => {
                Err(format!("`{word}` are no lengths: give \"auto\" or a list of chunks"))
            }
        }
    }
}

impl From<Lengths> for LengthsText {
    fn from(lengths: Lengths) -> Self {
        match lengths {
            Lengths::Auto => Self::Word("auto".into()),
            Lengths::These(list) => Self::List(list),
        }
    }
}

/// What to do with an observation far outside the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutOfData {
    /// Plan, and say so in [`crate::Plan::out_of_data`].
    #[default]
    Flag,
    /// Refuse to plan.
    Refuse,
    /// Plan as if nothing were.
    Ignore,
}

impl Default for PlanConfig {
    fn default() -> Self {
        Self {
            goal_conditioning: true,
            stages: true,
            wanted_return: WantedReturn::None,
            warm_start: 1.0,
            history: 0,
            out_of_data: OutOfData::Flag,
            sampler: SamplerConfig::default(),
            guidance: GuidanceConfig::default(),
            horizon: HorizonConfig::default(),
            rank: RankConfig::default(),
            monte_carlo: MonteCarloConfig::default(),
        }
    }
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            steps: 6,
            solver: Solver::Dpm2M,
            schedule: ScheduleName::Pyramid,
            uncertainty_scale: 0.2,
            clean_tokens: 1,
            temperature: 1.0,
            stabilization_level: 10,
        }
    }
}

impl Default for GuidanceConfig {
    fn default() -> Self {
        Self { scale: 600.0, end: 0.2, mc_samples: 1, start_weight: 0.5, condition_scale: 1.0 }
    }
}

impl Default for HorizonConfig {
    fn default() -> Self {
        Self {
            lengths: Lengths::Auto,
            shrink: 1,
            terminal_chunks: 2,
            reach: 0.0,
            leaps: false,
            episode: 0,
            surprise: 0.0,
        }
    }
}

impl Default for RankConfig {
    fn default() -> Self {
        Self { candidates: 4, ood_penalty: 100.0 }
    }
}

impl SamplerConfig {
    /// The scheduling matrix's kind.
    pub fn matrix(&self) -> MatrixKind {
        self.schedule.with(self.uncertainty_scale)
    }
}

impl PlanConfig {
    /// Refuses settings that cannot be planned with; `chunks` is the longest horizon of the checkpoint.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the setting and the remedy.
    pub fn check(&self, chunks: usize, training_levels: usize) -> Result<(), PlannerError> {
        let bad = |name, value: String, remedy: String| Err(PlannerError::Setting { name, value, remedy });
        let Self { sampler, guidance, horizon, rank, .. } = self;
        if sampler.steps == 0 || usize::from(sampler.steps) > training_levels {
            let remedy = format!("between 1 and {training_levels} are accepted");
            return bad("plan.sampler.steps", sampler.steps.to_string(), remedy);
        }
        if usize::from(sampler.stabilization_level) > training_levels {
            let value = sampler.stabilization_level.to_string();
            return bad("plan.sampler.stabilization_level", value, format!("at most {training_levels}"));
        }
        for (name, value) in
            [("plan.guidance.mc_samples", guidance.mc_samples), ("plan.rank.candidates", rank.candidates)]
        {
            if value == 0 || value > 4096 {
                return bad(name, value.to_string(), "between 1 and 4096 are accepted".into());
            }
        }
        if let Lengths::These(lengths) = &horizon.lengths {
            let outside = lengths.iter().find(|&&length| length == 0 || length > chunks);
            if lengths.len() > chunks {
                let (value, remedy) =
                    (format!("a list of {}", lengths.len()), format!("name each of the {chunks} once"));
                return bad("plan.horizon.lengths", value, remedy);
            }
            if lengths.is_empty() || outside.is_some() {
                let value = outside.map_or("empty".into(), ToString::to_string);
                let remedy = format!("the checkpoint plans between 1 and {chunks} chunks; or give \"auto\"");
                return bad("plan.horizon.lengths", value, remedy);
            }
        }
        if self.history >= chunks && self.history > 0 {
            let remedy = format!(
                "sequences have {chunks} chunks, of which one at least is planned: give at most {}",
                chunks - 1
            );
            return bad("plan.history", self.history.to_string(), remedy);
        }
        for (name, value) in [
            ("plan.guidance.scale", guidance.scale),
            ("plan.guidance.start_weight", guidance.start_weight),
            ("plan.guidance.condition_scale", guidance.condition_scale),
            ("plan.rank.ood_penalty", rank.ood_penalty),
            ("plan.horizon.surprise", horizon.surprise),
            ("plan.sampler.uncertainty_scale", sampler.uncertainty_scale),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return bad(name, value.to_string(), "give zero or a positive number".into());
            }
        }
        for (name, value) in [
            ("plan.guidance.end", guidance.end),
            ("plan.sampler.temperature", sampler.temperature),
            ("plan.warm_start", self.warm_start),
            ("plan.horizon.reach", horizon.reach),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return bad(name, value.to_string(), "give a number between 0 and 1".into());
            }
        }
        self.wanted_return.check()?;
        self.monte_carlo.check(training_levels)
    }
}
