//! Which plan lengths are tried, and how a plan in force binds the next one.
//!
//! A plan that is to *end* at the goal says when it arrives by how long it is, so choosing a length is choosing
//! an arrival. The first plan of an episode tries many; what is chosen is kept, and every new plan is made for
//! the frames that are left of it, or one chunk more. Were the choice open each time, the planner would waver
//! between ways that are equally long. It is opened again when none of the bound plans will do.

use crate::TokenLayout;
use crate::plan::{Plan, PlanRequest};
use crate::plan_config::PlanConfig;

/// Lengths for one request, in chunks, rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Horizons {
    /// Tried first.
    pub bound: Vec<usize>,
    /// Tried as well when no plan of the first lengths is acceptable.
    pub open: Vec<usize>,
    /// Frames that are left of the arrival agreed on, and the length that stands for them.
    pub due: Option<(usize, usize)>,
    /// Frames of the plan in force that lie behind.
    pub behind: usize,
}

impl Horizons {
    /// Lengths for this request.
    ///
    /// `shown`: the network is shown the goal. `there`: the present is within the goal radius.
    pub(crate) fn new(
        config: &PlanConfig,
        layout: &TokenLayout,
        request: &PlanRequest<'_>,
        (shown, there): (bool, bool),
    ) -> Self {
        let (longest, f) = (layout.chunks, layout.frame_stack);
        let open = if config.horizons.is_empty() { vec![longest] } else { config.horizons.clone() };
        let free = Self { bound: open.clone(), ..Self::default() };
        if shown && there {
            return Self { bound: vec![config.hold.clamp(1, longest)], ..Self::default() };
        }
        let Some((plan, executed)) = request.previous else { return free };
        if shown {
            let Some(due) = plan.due else { return free };
            let behind = progress(plan, executed, layout, request.observation);
            let left = due.saturating_sub(behind);
            let chunks = left.div_ceil(f).clamp(1, longest);
            let bound = (chunks.saturating_sub(config.hasten).max(1)..=chunks).collect();
            return Self { bound, open, due: Some((left, chunks)), behind };
        }
        // Where the plan in force arrives, nothing past the arrival is worth more than staying there: the new
        // plan ends `hold` chunks later. A plan that does not arrive looks as far as it can.
        match plan.arrival {
            Some(arrival) if config.hold > 0 && config.horizons.is_empty() => {
                let chunks = arrival.saturating_sub(executed) / f + 1 + config.hold;
                Self { bound: vec![chunks.min(longest)], ..Self::default() }
            }
            _ => free,
        }
    }

    /// Frames after which a plan of `chunks` chunks is to have arrived.
    pub(crate) fn due(&self, chunks: usize, frame_stack: usize) -> usize {
        match self.due {
            Some((left, bound)) if bound == chunks => left,
            _ => chunks * frame_stack,
        }
    }
}

/// Frames of the plan in force that lie behind: up to the planned position nearest to the present one. An
/// executor may be faster or slower than the plan; where positions say nothing, it is the frames executed.
fn progress(plan: &Plan, executed: usize, layout: &TokenLayout, observation: &[f64]) -> usize {
    let away = |planned: &[f64]| -> f64 {
        layout.goal_indices.iter().map(|&i| (planned[i] - observation[i]).powi(2)).sum()
    };
    let planned = plan.observations.chunks_exact(layout.observation).enumerate();
    planned
        .filter(|_| !layout.goal_indices.is_empty())
        .min_by(|a, b| away(a.1).total_cmp(&away(b.1)))
        .map_or(executed, |(index, _)| index + 1)
}

/// What is left of a plan after its first `behind` frames; `None` where nothing is.
pub(crate) fn rest(plan: &Plan, behind: usize, layout: &TokenLayout) -> Option<Plan> {
    let after = |values: &[f64], width: usize| values.get(behind * width..).map(<[f64]>::to_vec);
    (behind < plan.frames).then_some(())?;
    Some(Plan {
        observations: after(&plan.observations, layout.observation)?,
        actions: after(&plan.actions, layout.action)?,
        x0_cd: after(&plan.x0_cd, layout.frame())?,
        frames: plan.frames - behind,
        arrival: plan.arrival.map(|arrival| arrival.saturating_sub(behind)),
        due: plan.due.map(|due| due.saturating_sub(behind)),
        history: Vec::new(),
        ..plan.clone()
    })
}

/// Whether a bound plan will do, so that no other length is tried.
pub(crate) fn acceptable(plan: &Plan, config: &PlanConfig) -> bool {
    (plan.ends || plan.due.is_none()) && plan.surprise <= config.acceptable && plan.unsupported == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use forethought_envs::NoTask;

    fn layout() -> TokenLayout {
        TokenLayout {
            observation: 2,
            action: 1,
            reward: false,
            frame_stack: 10,
            chunks: 8,
            goal_indices: vec![0],
        }
    }

    fn config() -> PlanConfig {
        PlanConfig { goal_token: true, horizons: vec![2, 4, 8], hold: 3, ..PlanConfig::default() }
    }

    /// A plan of 40 frames, one unit of position a frame, due after `due` of them.
    fn plan(due: Option<usize>) -> Plan {
        let observations = (1..=40).flat_map(|frame| [f64::from(frame), 0.0]).collect();
        Plan { observations, frames: 40, due, ..Plan::default() }
    }

    fn horizons(config: &PlanConfig, plan: Option<(&Plan, usize)>, at: f64, seen: (bool, bool)) -> Horizons {
        let request = PlanRequest { observation: &[at, 0.0], task: &NoTask, previous: plan, seed: 0 };
        Horizons::new(config, &layout(), &request, seen)
    }

    #[test]
    fn a_first_plan_tries_every_length_and_its_arrival_binds_the_next() {
        let (config, plan) = (config(), plan(Some(40)));
        assert_eq!(horizons(&config, None, 0.0, (true, false)).bound, [2, 4, 8]);
        // 5 frames on, 35 are left: four chunks, as long as nobody wants to hasten.
        let bound = horizons(&config, Some((&plan, 5)), 5.0, (true, false));
        assert_eq!((bound.bound.as_slice(), bound.open.as_slice()), ([4].as_slice(), [2, 4, 8].as_slice()));
        assert_eq!((bound.due(4, 10), bound.due(8, 10)), (35, 80));
        let hasty = PlanConfig { hasten: 2, ..config };
        assert_eq!(horizons(&hasty, Some((&plan, 5)), 5.0, (true, false)).bound, [2, 3, 4]);
        assert_eq!(horizons(&hasty, Some((&plan, 39)), 39.0, (true, false)).bound, [1]);
    }

    #[test]
    fn what_counts_is_how_far_the_executor_got() {
        let (config, plan) = (config(), plan(Some(40)));
        // Five steps took a fast executor 25 frames on, and a slow one 2.
        assert_eq!(horizons(&config, Some((&plan, 5)), 25.1, (true, false)).due, Some((15, 2)));
        assert_eq!(horizons(&config, Some((&plan, 5)), 2.1, (true, false)).due, Some((38, 4)));
    }

    #[test]
    fn at_the_goal_plans_are_short_and_there_is_no_other_choice() {
        let plan = plan(Some(40));
        for previous in [None, Some((&plan, 39))] {
            let staying = horizons(&config(), previous, 40.0, (true, true));
            assert_eq!(
                (staying.bound.as_slice(), staying.open.len(), staying.due),
                ([3].as_slice(), 0, None)
            );
            let passing = horizons(&PlanConfig { hold: 0, ..config() }, previous, 40.0, (true, true));
            assert_eq!(passing.bound, [1]);
        }
    }

    #[test]
    fn a_bound_plan_must_end_at_the_goal_and_look_like_the_data() {
        let config = PlanConfig { acceptable: 1.0, ..config() };
        let ends = Plan { ends: true, surprise: 0.5, ..plan(Some(40)) };
        assert!(acceptable(&ends, &config));
        assert!(!acceptable(&Plan { ends: false, ..ends.clone() }, &config));
        assert!(!acceptable(&Plan { surprise: 1.5, ..ends }, &config));
        assert!(acceptable(&plan(None), &config), "a plan that was shown no goal has no end to miss");
    }
}
