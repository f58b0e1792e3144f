//! What was scored: episodes of variants, and the protocol that says what each number stands for.
//!
//! A folder of results holds `episodes.csv`, one line per episode, and `protocol.json`, which says once what made
//! them. Where plans are chosen by their outcomes, `plans.csv` has what was foretold in each episode and what of it
//! happened. Everything that is reported is computed from these.

mod beginning;
mod csv;
mod difference;
mod layout;
mod merge;
mod plans;
mod store;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::placed::Ends;
use crate::plan_time::PlanTime;

pub use beginning::{Beginning, single};
pub use csv::{line as episode_line, parse as parse_episode};
pub use layout::{Arm, Group, Layout, Published, ReferenceTime, Row};
pub use merge::Merge;
pub use store::{EPISODES, PLANS, PROTOCOL, UNFINISHED, is_ours, read, write};

/// The commit that this program was built from.
pub const COMMIT: &str = env!("FORETHOUGHT_COMMIT");
/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One episode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Episode {
    /// Seed of start, goal and the planner's noise.
    pub seed: u64,
    /// Number of its task, where the benchmark numbers them.
    pub task: Option<usize>,
    /// Steps in which something happened that is left to chance, where tasks are numbered.
    pub chances: Option<usize>,
    /// Where it began.
    pub start: Beginning,
    /// Goal, where the environment has one, to single precision.
    pub goal: Option<Vec<f64>>,
    /// Sum of rewards.
    pub episode_return: f64,
    /// The same, normalised, where the benchmark defines that.
    pub score: Option<f64>,
    /// Return as if the agent had stayed from its first arrival on.
    pub return_if_stayed: f64,
    /// The same, normalised.
    pub score_if_stayed: Option<f64>,
    /// Whether the task was achieved.
    pub success: bool,
    /// Steps up to the first that achieved it.
    pub steps_to_arrival: Option<usize>,
    /// Plans made.
    pub plans: usize,
}

/// Plans of an episode of which one chance was foretold: that, when the next plan was due, the episode would be where the
/// plan said ([`forethought_agent::Foretold`]). A chance is a share of the outcomes drawn, so there are few of them, and the
/// plans of an episode that were given the same one are counted together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Foretold {
    /// Seed of the episode.
    pub seed: u64,
    /// The chance.
    pub chance: f64,
    /// Plans that were given it, and were in force until the moment that it speaks of.
    pub plans: usize,
    /// Those of them for which the episode was where the plan said.
    pub as_planned: usize,
}

/// What planning took, over all episodes; they are planned together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planning {
    /// Plans made.
    pub plans: usize,
    /// Most rows of a plan's scheduling matrix.
    pub rows: usize,
    /// Seconds of one plan, on average.
    pub seconds_per_plan: f64,
}

/// How long one plan takes that is made alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// First plans of episodes.
    pub cold: Option<PlanTime>,
    /// Later plans, with the plan in force at hand.
    pub replan: Option<PlanTime>,
    /// Load average over a minute, the larger of before and after, where the system tells: beside other work a plan
    /// takes longer.
    pub load: Option<f64>,
    /// Processor.
    pub processor: String,
    /// Threads of a plan on the CPU.
    pub threads: usize,
    /// Times that every plan was made.
    pub rounds: usize,
}

/// What made a variant's episodes. Two variants of which all of this is equal are one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// Environment id.
    pub environment: String,
    /// Hash of its layout and physics.
    pub layout_hash: Option<String>,
    /// Where commands come from: `checkpoint`, `simulator`, `learned policy`, `program`, or the name of a
    /// policy that needs no plan.
    pub source: String,
    /// SHA-256 of the checkpoint's weights.
    pub checkpoint: Option<String>,
    /// Device of the planner.
    pub device: String,
    /// Every setting that acted, resolved; null for policies.
    pub settings: Value,
}

/// One variant in one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Name of the variant, one of its kind in the environment.
    pub variant: String,
    /// The variant that it is the same as, where another came to the same settings.
    pub same_as: Option<String>,
    /// What made it.
    pub made: Made,
    /// Commit of the program that scored it.
    pub commit: String,
    /// Version of the program that scored it.
    pub version: String,
    /// What planning took; `None` for policies that plan nothing.
    pub planning: Option<Planning>,
    /// Times of single plans, where they were taken.
    pub times: Option<Times>,
    /// Its episodes, by rising seed.
    pub episodes: Vec<Episode>,
    /// What was foretold in them, in the same order and by rising chance; empty where plans are not chosen by outcomes.
    pub foretold: Vec<Foretold>,
}

/// Everything in a folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// Seed of the first episode; the others follow.
    pub first_seed: u64,
    /// Episodes of each variant in each environment.
    pub episodes: usize,
    /// Where they begin and end.
    pub ends: Ends,
    /// How to show them.
    pub layout: Layout,
    /// The records.
    pub records: Vec<Record>,
    /// Environments and variants whose episodes are not those that the protocol seals, because a write was interrupted or
    /// they were damaged or edited: not among the records.
    pub unsound: Vec<(String, String)>,
}

impl Episode {
    /// Normalised score, or the raw return where the benchmark defines none.
    pub fn score(&self) -> f64 {
        self.score.unwrap_or(self.episode_return)
    }

    /// The same as if the agent had stayed from its first arrival on.
    pub fn score_if_stayed(&self) -> f64 {
        self.score_if_stayed.unwrap_or(self.return_if_stayed)
    }
}

impl Record {
    /// Score of each episode.
    pub fn scores(&self) -> Vec<f64> {
        self.episodes.iter().map(Episode::score).collect()
    }
}

impl Results {
    /// A variant's record in an environment.
    pub fn record(&self, environment: &str, variant: &str) -> Option<&Record> {
        self.records.iter().find(|r| r.made.environment == environment && r.variant == variant)
    }

    /// Records of an environment, in the layout's order.
    pub fn of(&self, environment: &str) -> Vec<&Record> {
        self.layout.rows.iter().filter_map(|row| self.record(environment, &row.variant)).collect()
    }

    /// What the others are compared with in an environment.
    pub fn baseline(&self, environment: &str) -> Option<&Record> {
        self.record(environment, &self.layout.baseline)
    }

    /// Last seed.
    pub fn last_seed(&self) -> u64 {
        self.first_seed.wrapping_add(self.episodes.saturating_sub(1) as u64)
    }

    /// Puts a record in the place of the one of the same variant and environment, or behind all others.
    pub fn put(&mut self, record: Record) {
        let same = |other: &&mut Record| {
            other.variant == record.variant && other.made.environment == record.made.environment
        };
        match self.records.iter_mut().find(same) {
            Some(place) => *place = record,
            None => self.records.push(record),
        }
    }
}
