//! Settings of the control loop.

use forethought_planner::Foresight;
use serde::{Deserialize, Serialize};

/// What an action entry does when there is no plan to follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Brake {
    /// Zero, or what is nearest to it in the action space: for forces, torques and velocities.
    #[default]
    Zero,
    /// The last command: for positions that a servo keeps.
    Hold,
    /// This value, action units.
    Value(f64),
}

/// How a new plan is joined to what was commanded before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeamConfig {
    /// Largest jump of an action entry from the last command to the first of a new plan, as a share of the entry's range
    /// (of 1 where it has no bounds). Off unless given: a plan for forces jumps by the whole range from row to row, so a
    /// limit at the seam alone would refuse what is harmless. A robot that is told positions or velocities wants 0.1.
    pub max_jump: Option<f64>,
    /// Steps over which a larger jump is spread, linearly; 0 keeps the plan in force instead, while it can be followed.
    /// 4: a tenth of a second at 50 Hz is over before the next plan comes.
    pub steps: usize,
}

impl Default for SeamConfig {
    fn default() -> Self {
        Self { max_jump: None, steps: 4 }
    }
}

/// Which plans are refused. That a plan has the right shape and holds numbers alone is always asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidatorConfig {
    /// How far a planned action or observation may leave its space, as a share of the entry's range. 1: samples leave it
    /// by percents, and commands are clipped; what is a whole range away is no sample but a fault.
    pub max_excess: Option<f64>,
    /// Largest distance (Euclidean, observation units) from the observation planned from to the plan's first, over the
    /// entries that are positions, or over all where nothing is said of them. Off unless given: what a robot can do in
    /// a step is its own.
    pub first_state: Option<f64>,
    /// Largest change of a position entry from one planned observation to the next, observation units. Off unless
    /// given, for the same reason.
    pub max_step: Option<f64>,
    /// Smallest chance that all goes as planned. Off unless given: most checkpoints do not tell one, and a small chance
    /// may be the best there is.
    pub min_chance: Option<f64>,
}

impl Default for ValidatorConfig {
    fn default() -> Self {
        Self { max_excess: Some(1.0), first_state: None, max_step: None, min_chance: None }
    }
}

/// How a robot is driven in real time. Every default has its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RealTimeConfig {
    /// Seconds from tick to tick. Unset, the environment's own step: plans are made in its frames.
    pub period_s: Option<f64>,
    /// Steps after which a plan is to be replaced, counted from the observation that it was planned from; 0 plans without
    /// a pause. Unset, the checkpoint's `control.execution_horizon`, with which it was scored.
    pub replan_every: Option<usize>,
    /// Seconds from an observation until planning from it ends, with the best plan of then. Unset, the time that
    /// `replan_every` steps take, at least one period: the next plan is due then.
    pub deadline_s: Option<f64>,
    /// The same while there is no plan to follow: a robot that waits, or brakes, is better off with a coarse plan, and the loop
    /// asks for one made with all of `deadline_s` as soon as it follows that one. It is doubled, up to `deadline_s`, as
    /// long as nothing comes of it. Unset, a period, and no more than `deadline_s`.
    pub first_deadline_s: Option<f64>,
    /// How the time of the next row of sampling is foretold: `last`, `mean` or `worst` of the latest rows. A row that would
    /// not be done by the deadline is not begun. `worst`, as a late plan costs more than a coarse one.
    pub foresight: Foresight,
    /// Steps after which a plan that has not been replaced counts as late. Unset, twice `replan_every` (twice the execution
    /// horizon without a pause): a planner that needs longer than its plans are executed does not keep up.
    pub late_after: Option<usize>,
    /// Seconds after its observation up to which a plan may be followed; of a first plan, after it came, as the robot was left
    /// alone until then. It must be more than a plan made from nothing takes (the report's `plan`), or a loop that lost its
    /// plan never gets one that is young enough. 1: the time-out that navigation stacks have for velocity commands (Nav2's
    /// velocity smoother).
    pub max_plan_age_s: f64,
    /// What each action entry does when there is no plan to follow; zero for all where empty, because most actions are
    /// forces or velocities.
    pub brake: Vec<Brake>,
    /// Seconds of braking before the safe command. 0.5: several plans' time, in which a late one still comes.
    pub brake_s: f64,
    /// The safe command, action units; what is nearest to zero where empty.
    pub safe: Vec<f64>,
    /// Seconds without a plan after which the loop reports failure. 2: twice the age at which a plan is given up. It
    /// goes on with the safe command, and recovers with the first good plan.
    pub tolerance_s: f64,
    /// Largest change of each action entry from step to step, action units; none where empty. It holds for what follows
    /// a plan and for braking. The safe command is given at once.
    pub max_rate: Vec<f64>,
    /// Seconds of a tick's own work above which it counts as slow. Unset, a tenth of the period: the rest is the robot's.
    pub tick_budget_s: Option<f64>,
    /// How plans are joined.
    pub seam: SeamConfig,
    /// Which plans are refused.
    pub validator: ValidatorConfig,
}

impl Default for RealTimeConfig {
    fn default() -> Self {
        Self {
            period_s: None,
            replan_every: None,
            deadline_s: None,
            first_deadline_s: None,
            foresight: Foresight::Worst,
            late_after: None,
            max_plan_age_s: 1.0,
            brake: Vec::new(),
            brake_s: 0.5,
            safe: Vec::new(),
            tolerance_s: 2.0,
            max_rate: Vec::new(),
            tick_budget_s: None,
            seam: SeamConfig::default(),
            validator: ValidatorConfig::default(),
        }
    }
}
