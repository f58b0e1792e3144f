//! Which plan lengths are tried, and how a plan in force binds the next one.
//!
//! A plan that is to *end* at the goal says when it arrives by how long it is, so choosing a length is choosing
//! an arrival. The first plan of an episode tries many; what is chosen is kept, and every new plan is made for
//! the frames that are left of it, or a chunk less. Were the choice open each time, the planner would waver
//! between ways that are equally long. It is opened again when none of the bound plans will do.

use super::notes::notes;
use crate::TokenLayout;
use crate::plan::InForce;
use crate::plan_config::{HorizonConfig, Lengths};

/// Most lengths that are tried unless they are named: each costs a run of the sampler.
const MOST_LENGTHS: usize = 12;

/// Lengths for one request, in chunks, rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Horizons {
    /// Tried first.
    bound: Vec<usize>,
    /// Tried as well when no plan of the first lengths will do.
    open: Vec<usize>,
    /// Frames that are left of the arrival agreed on, and the length that stands for them.
    pub due: Option<(usize, usize)>,
}

impl Horizons {
    /// Lengths for a request.
    ///
    /// `shown`: the network is shown the goal. `there`: the task is done already. `behind`: frames of the plan in
    /// force that lie behind.
    pub fn new(
        config: &HorizonConfig,
        layout: &TokenLayout,
        in_force: Option<InForce<'_>>,
        (shown, there): (bool, bool),
        behind: usize,
    ) -> Self {
        let (longest, f) = (layout.chunks, layout.frames_per_token);
        let open = lengths(&config.lengths, longest, shown);
        let free = Self { bound: open.clone(), ..Self::default() };
        if shown && there {
            return Self { bound: vec![config.terminal_chunks.clamp(1, longest)], ..Self::default() };
        }
        let Some(now) = in_force else { return free };
        if shown {
            let Some(due) = notes(now.plan).and_then(|notes| notes.due) else { return free };
            let left = due.saturating_sub(behind);
            let chunks = left.div_ceil(f).clamp(1, longest);
            let bound = (chunks.saturating_sub(config.shrink).max(1)..=chunks).collect();
            return Self { bound, open, due: Some((left, chunks)) };
        }
        // Where the plan in force arrives, nothing past the arrival is worth more than staying there: the new
        // plan ends `terminal_chunks` later. A plan that does not arrive looks as far as it can.
        match now.plan.arrival {
            Some(arrival) if config.terminal_chunks > 0 && config.lengths == Lengths::Auto => {
                let left = arrival.saturating_sub(now.executed) / f.max(1);
                let chunks = left.saturating_add(1).saturating_add(config.terminal_chunks);
                Self { bound: vec![chunks.min(longest)], ..Self::default() }
            }
            _ => free,
        }
    }

    /// Lengths for a place that the data get to in `chunks` chunks: these or one more.
    pub fn around(config: &HorizonConfig, layout: &TokenLayout, chunks: usize) -> Self {
        let open = lengths(&config.lengths, layout.chunks, true);
        let first = chunks.clamp(1, layout.chunks);
        let bound = match &config.lengths {
            Lengths::Auto => (first..=(first + 1).min(layout.chunks)).collect(),
            Lengths::These(_) => open.clone(),
        };
        Self { bound, open, due: None }.at_least(chunks)
    }

    /// These lengths without those in which not even the data get there, which take `chunks` whole chunks; the longest stays
    /// in any case. Asked for a way that is too long for it, a sequence is like none that the network has seen, and leads
    /// anywhere.
    pub fn at_least(mut self, chunks: usize) -> Self {
        let enough = self.open().iter().find(|length| **length >= chunks);
        let first = enough.or(self.open().last()).copied().unwrap_or(chunks);
        for lengths in [&mut self.bound, &mut self.open] {
            let some = !lengths.is_empty();
            lengths.retain(|length| *length >= chunks);
            if some && lengths.is_empty() {
                lengths.push(first);
            }
        }
        self.due = self.due.filter(|(_, due)| *due >= chunks);
        self
    }

    /// These lengths, cut off where an episode of so many frames ends, of which `step` are over. A chunk stays in any case.
    pub fn before_the_end(mut self, episode: usize, step: usize, frames_per_token: usize) -> Self {
        if episode == 0 {
            return self;
        }
        let left = episode.saturating_sub(step).div_ceil(frames_per_token.max(1)).max(1);
        for lengths in [&mut self.bound, &mut self.open] {
            lengths.iter_mut().for_each(|length| *length = left.min(*length));
            lengths.dedup();
        }
        self
    }

    /// Lengths tried first.
    pub fn bound(&self) -> &[usize] {
        &self.bound
    }

    /// All lengths.
    pub fn open(&self) -> &[usize] {
        if self.open.is_empty() { &self.bound } else { &self.open }
    }

    /// Frames after which a plan of `chunks` chunks is to have arrived.
    pub fn due(&self, chunks: usize, frames_per_token: usize) -> usize {
        match self.due {
            Some((left, bound)) if bound == chunks => left,
            _ => chunks * frames_per_token,
        }
    }
}

/// Lengths of a first plan. Unnamed ones are a power of two apart, so that halving a horizon keeps them.
fn lengths(config: &Lengths, longest: usize, shown: bool) -> Vec<usize> {
    match config {
        Lengths::These(lengths) => {
            // A past takes room.
            let mut fitting: Vec<usize> = lengths.iter().map(|&length| length.min(longest)).collect();
            fitting.dedup();
            fitting
        }
        Lengths::Auto if !shown => vec![longest],
        Lengths::Auto => {
            let apart = (0..).map(|power| 1 << power).find(|apart| longest / apart <= MOST_LENGTHS);
            let apart = apart.unwrap_or(longest).max(1);
            let mut lengths: Vec<usize> = (1..=longest / apart).map(|i| i * apart).collect();
            if lengths.last() != Some(&longest) {
                lengths.push(longest);
            }
            lengths
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::notes::Notes;
    use super::*;
    use crate::plan::{Memory, Plan};

    fn layout() -> TokenLayout {
        TokenLayout {
            observation: 2,
            action: 1,
            reward: false,
            frames_per_token: 10,
            chunks: 8,
            condition: vec![0],
            bodies: vec![],
            objects: vec![],
            level_blocks: 0,
            returns: false,
        }
    }

    fn config() -> HorizonConfig {
        HorizonConfig {
            lengths: Lengths::These(vec![2, 4, 8]),
            shrink: 0,
            terminal_chunks: 3,
            ..HorizonConfig::default()
        }
    }

    /// A plan of 40 frames, due after `due` of them.
    fn plan(due: Option<usize>) -> Plan {
        Plan { frames: 40, memory: Memory::new(Notes { due, ..Notes::default() }), ..Plan::default() }
    }

    fn horizons(config: &HorizonConfig, plan: Option<&Plan>, behind: usize, seen: (bool, bool)) -> Horizons {
        let in_force = plan.map(|plan| InForce { plan, executed: 5 });
        Horizons::new(config, &layout(), in_force, seen, behind)
    }

    #[test]
    fn unnamed_lengths_are_a_dozen_at_most_and_end_with_the_longest() {
        let auto = |longest| lengths(&Lengths::Auto, longest, true);
        assert_eq!(auto(24), [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]);
        assert_eq!(auto(20), [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
        assert_eq!(auto(32), [4, 8, 12, 16, 20, 24, 28, 32]);
        assert_eq!((auto(1), auto(13)), (vec![1], vec![2, 4, 6, 8, 10, 12, 13]));
        for longest in 1..200 {
            let lengths = auto(longest);
            assert!(lengths.len() <= MOST_LENGTHS + 1 && lengths.last() == Some(&longest), "{longest}");
        }
        assert_eq!(lengths(&Lengths::Auto, 24, false), [24], "without a goal token length says nothing");
    }

    #[test]
    fn no_length_leads_past_the_end_of_an_episode() {
        let free = horizons(&HorizonConfig::default(), None, 0, (false, false));
        let left = |episode, step| free.clone().before_the_end(episode, step, 10).bound;
        assert_eq!([left(0, 999), left(200, 0), left(200, 120)], [[8]; 3], "no end, or none so near");
        // Of 35 steps the last chunk is only begun; at the end, and past it, a chunk stays.
        assert_eq!([left(200, 165), left(200, 199), left(200, 300)], [[4], [1], [1]]);
        let open = horizons(&config(), None, 0, (false, false));
        assert_eq!(open.before_the_end(200, 165, 10).bound, [2, 4], "tried once each");
    }

    #[test]
    fn a_first_plan_tries_every_length_and_its_arrival_binds_the_next() {
        let (config, plan) = (config(), plan(Some(40)));
        assert_eq!(horizons(&config, None, 0, (true, false)).bound, [2, 4, 8]);
        // 5 frames on, 35 are left: four chunks, as long as nobody wants to shrink.
        let bound = horizons(&config, Some(&plan), 5, (true, false));
        assert_eq!((bound.bound.as_slice(), bound.open.as_slice()), ([4].as_slice(), [2, 4, 8].as_slice()));
        assert_eq!((bound.due(4, 10), bound.due(8, 10)), (35, 80));
        let hasty = HorizonConfig { shrink: 2, ..config };
        assert_eq!(horizons(&hasty, Some(&plan), 5, (true, false)).bound, [2, 3, 4]);
        assert_eq!(horizons(&hasty, Some(&plan), 39, (true, false)).bound, [1]);
    }

    #[test]
    fn what_counts_is_how_far_the_controller_got() {
        let (config, plan) = (config(), plan(Some(40)));
        assert_eq!(horizons(&config, Some(&plan), 25, (true, false)).due, Some((15, 2)));
        assert_eq!(horizons(&config, Some(&plan), 2, (true, false)).due, Some((38, 4)));
    }

    #[test]
    fn no_plan_is_shorter_than_the_data_take() {
        let (config, plan) = (config(), plan(Some(40)));
        let free = |chunks| horizons(&config, None, 0, (true, false)).at_least(chunks);
        assert_eq!((free(1).bound, free(3).bound, free(9).bound), (vec![2, 4, 8], vec![4, 8], vec![8]));
        // Frames that are left of the plan in force bind no longer where they are too few.
        let bound = |chunks| horizons(&config, Some(&plan), 25, (true, false)).at_least(chunks);
        assert_eq!((bound(2).bound, bound(2).due), (vec![2], Some((15, 2))));
        assert_eq!((bound(3).bound, bound(3).due, bound(3).open), (vec![4], None, vec![4, 8]));
        assert_eq!(bound(3).due(4, 10), 40);
    }

    #[test]
    fn a_place_on_the_way_is_asked_for_in_the_time_that_the_data_take_or_a_chunk_more() {
        let around = |lengths, chunks| {
            let config = HorizonConfig { lengths, ..config() };
            Horizons::around(&config, &layout(), chunks).bound
        };
        assert_eq!((around(Lengths::Auto, 3), around(Lengths::Auto, 12)), (vec![3, 4], vec![8]));
        assert_eq!(around(Lengths::These(vec![2, 4, 8]), 3), [4, 8], "lengths that were named are kept to");
    }

    #[test]
    fn at_the_goal_plans_are_short_and_there_is_no_other_choice() {
        let plan = plan(Some(40));
        for in_force in [None, Some(&plan)] {
            let staying = horizons(&config(), in_force, 39, (true, true));
            assert_eq!(
                (staying.bound.as_slice(), staying.open.len(), staying.due),
                ([3].as_slice(), 0, None)
            );
            let passing =
                horizons(&HorizonConfig { terminal_chunks: 0, ..config() }, in_force, 39, (true, true));
            assert_eq!(passing.bound, [1]);
        }
    }
}
