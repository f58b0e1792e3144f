//! How a trajectory becomes tokens.
//!
//! A sequence is `[state, goal, chunk_1, ..., chunk_C]`. A chunk holds `f` frames, each
//! `[action, next observation, reward?]`, in normalised units. The state token is the present: it uses
//! the slots of a chunk's last observation, so that "where a token ends" has one place in every token.
//! The goal token uses those of them that the goal speaks of, or where sequences are told what they earn instead, the slot
//! before them, which is a decision's in a chunk. The remaining slots of these two tokens do not exist: they are zero, never
//! noised, and never weigh in the loss.

use std::ops::Range;

use forethought_envs::{EnvSpec, FeatureRole, check_alike};
use serde::{Deserialize, Serialize};

use crate::PlannerError;

/// Index of the token that holds the present observation.
pub const STATE: usize = 0;
/// Index of the token that holds where the plan is to end, or what it is to earn.
pub const GOAL: usize = 1;
/// Index of the first token that is planned.
pub const FIRST_CHUNK: usize = 2;

/// Largest number of frames in a token, and of chunks in a sequence.
pub(crate) const MOST: usize = 4096;
/// Widest token: above it a single sequence would no longer fit a machine.
const MOST_WIDE: usize = 1 << 20;

/// Sizes of a token and of a sequence. Sums of sizes beyond all bounds stay at the largest number, so that whatever
/// compares them refuses; [`Self::check`] says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLayout {
    /// Entries of an observation.
    pub observation: usize,
    /// Entries of an action.
    pub action: usize,
    /// Whether each frame carries its reward.
    pub reward: bool,
    /// Frames (environment steps) in one chunk, `f`.
    pub frames_per_token: usize,
    /// Chunks in the longest sequence, `C`.
    pub chunks: usize,
    /// Observation entries that goals speak of.
    pub condition: Vec<usize>,
    /// Entries of every position in an observation, for a network that is shown how far bodies are apart
    /// ([`crate::FourierEntries::Bodies`]); else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bodies: Vec<Range<usize>>,
    /// Entries of each of several things that are alike, where the one that is moved is shown first
    /// ([`crate::ObjectOrder::MovedFirst`]); else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Range<usize>>,
    /// Blocks of frames in a chunk whose noise levels are their own, one for their actions (decisions) and one for their
    /// observations and rewards (outcomes). 0: a token has one level for all, as in checkpoints from before there
    /// were blocks. Blocks are as equally long as they can be.
    #[serde(default)]
    pub level_blocks: usize,
    /// Whether the goal token says what a sequence earns, and not where it ends ([`crate::ReturnScale`]).
    #[serde(default)]
    pub returns: bool,
}

/// What a slot of a token holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// A decision.
    Action,
    /// What it leads to: an observation or a reward.
    Outcome,
}

impl TokenLayout {
    /// Layout for an environment.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for zero frames per token or zero chunks, and for a feature that is not planned;
    /// [`PlannerError::Env`] for a specification that contradicts itself.
    pub fn new(
        spec: &EnvSpec,
        frames_per_token: usize,
        chunks: usize,
        reward: bool,
        level_blocks: usize,
    ) -> Result<Self, PlannerError> {
        for (name, value) in [("model.frames_per_token", frames_per_token), ("model.chunks", chunks)] {
            if value == 0 || value > MOST {
                let remedy = format!("between 1 and {MOST} are accepted");
                return Err(PlannerError::Setting { name, value: value.to_string(), remedy });
            }
        }
        if let Some(context) = spec.features.iter().find(|feature| feature.role == FeatureRole::Context) {
            return Err(PlannerError::Setting {
                name: "features",
                value: format!("`{}` with role `context`", context.name),
                remedy: "every feature is part of the plan in this version: give it the role `planned`, or leave it out \
                         of the data"
                    .into(),
            });
        }
        spec.check()?;
        let layout = Self {
            observation: spec.observation.len(),
            action: spec.action.len(),
            reward,
            frames_per_token,
            chunks,
            condition: spec.condition.clone(),
            bodies: Vec::new(),
            objects: Vec::new(),
            level_blocks,
            returns: false,
        };
        layout.check()?;
        Ok(layout)
    }

    /// Refuses sizes that no sequence can have. Everything that is built for a layout asks this first, since layouts
    /// are also read from files.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the size and what is accepted.
    pub fn check(&self) -> Result<(), PlannerError> {
        let bad = |name, value: String, remedy: String| Err(PlannerError::Setting { name, value, remedy });
        for (name, value, most) in [
            ("layout.frames_per_token", self.frames_per_token, MOST),
            ("layout.chunks", self.chunks, MOST),
            ("layout.observation", self.observation, MOST_WIDE),
            ("layout.action", self.action, MOST_WIDE),
        ] {
            if value == 0 || value > most {
                return bad(name, value.to_string(), format!("between 1 and {most} are accepted"));
            }
        }
        if self.width() > MOST_WIDE {
            let remedy = format!("at most {MOST_WIDE} numbers are accepted: use fewer frames per token");
            return bad(
                "layout.frames_per_token",
                format!("{}, a token of {} numbers", self.frames_per_token, self.width()),
                remedy,
            );
        }
        if self.level_blocks > self.frames_per_token {
            let remedy = format!("a chunk has {} frames: give at most as many blocks", self.frames_per_token);
            return bad("model.level_blocks", self.level_blocks.to_string(), remedy);
        }
        if let Some(index) = self.condition.iter().find(|&&index| index >= self.observation) {
            let remedy = format!("observations have {} entries, counted from 0", self.observation);
            return bad("layout.condition", index.to_string(), remedy);
        }
        if let Some(run) = self.bodies.iter().find(|run| run.start >= run.end || run.end > self.observation) {
            let remedy = format!("observations have {} entries, counted from 0", self.observation);
            return bad("layout.bodies", format!("{run:?}"), remedy);
        }
        if let Err(problem) = check_alike(&self.objects, self.observation) {
            return bad("layout.objects", format!("{:?}", self.objects), problem);
        }
        if !self.objects.is_empty() && (self.returns || !self.goals_speak_of_objects()) {
            let remedy = "the thing that is moved is told by where it is wanted: goals have to speak of the same entries of each of \
                          them and of nothing else, or give model.objects = \"as-seen\"";
            return bad("layout.objects", format!("{:?}", self.objects), remedy.into());
        }
        let mut sorted = self.condition.clone();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return bad("layout.condition", pair[0].to_string(), "name each entry once".into());
        }
        Ok(())
    }

    /// Entries that are of one scale: those of the same axis in positions of as many axes ([`Self::bodies`]), and those that say the
    /// same of different things ([`Self::objects`]).
    pub(crate) fn alike(&self) -> Vec<Vec<usize>> {
        let mut alike = self.axes();
        for mut entries in self.entries_of_objects() {
            // Those of an axis of positions are of the scale of all of that axis.
            let (shared, others): (Vec<_>, Vec<_>) =
                alike.into_iter().partition(|of: &Vec<usize>| of.iter().any(|entry| entries.contains(entry)));
            entries.extend(shared.into_iter().flatten());
            entries.sort_unstable();
            entries.dedup();
            alike = others;
            alike.push(entries);
        }
        alike
    }

    /// Entries of the same axis in positions of as many axes, for each axis.
    fn axes(&self) -> Vec<Vec<usize>> {
        let mut widths: Vec<usize> = self.bodies.iter().map(Range::len).collect();
        widths.sort_unstable();
        widths.dedup();
        let like = |width: usize| self.bodies.iter().filter(move |body| body.len() == width);
        let axis = |width, axis| like(width).map(|body| body.start + axis).collect();
        widths.into_iter().flat_map(|width| (0..width).map(move |i| axis(width, i))).collect()
    }

    /// Entries that say the same of each of the things that are alike, one run for each that a thing has.
    pub(crate) fn entries_of_objects(&self) -> impl Iterator<Item = Vec<usize>> {
        let width = self.objects.first().map_or(0, Range::len);
        (0..width).map(|offset| self.objects.iter().map(|thing| thing.start.saturating_add(offset)).collect())
    }

    /// Where in the condition a thing is spoken of, and by which entry.
    pub(crate) fn condition_of(&self, thing: &Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        self.condition.iter().copied().enumerate().filter(move |(_, entry)| thing.contains(entry))
    }

    /// Whether goals speak of each thing in the same way, and of nothing besides.
    fn goals_speak_of_objects(&self) -> bool {
        let of = |thing: &Range<usize>| -> Vec<usize> {
            self.condition_of(thing).map(|(_, entry)| entry - thing.start).collect()
        };
        let mut all = self.objects.iter().map(of);
        let first = all.next().unwrap_or_default();
        !first.is_empty()
            && all.all(|other| other == first)
            && first.len() * self.objects.len() == self.condition.len()
    }

    /// Entries of one frame.
    pub fn frame(&self) -> usize {
        self.action.saturating_add(self.observation).saturating_add(usize::from(self.reward))
    }

    /// Entries of one token, `D`.
    pub fn width(&self) -> usize {
        self.frame().saturating_mul(self.frames_per_token)
    }

    /// Parts of a token that have levels of their own, `P`: for each block its actions, then its outcomes; or the whole
    /// token.
    pub fn parts(&self) -> usize {
        self.level_blocks.saturating_mul(2).max(1)
    }

    /// Levels that a network is told of a token, `L`: one for each part, and with blocks that of the outcomes with which
    /// the token before ends.
    pub fn told_levels(&self) -> usize {
        self.parts().saturating_add(usize::from(self.level_blocks > 0))
    }

    /// Frames of the longest block.
    pub fn block_frames(&self) -> usize {
        self.frames_per_token.div_ceil(self.level_blocks.max(1))
    }

    /// The frames of a block.
    pub fn frames_of(&self, block: usize) -> std::ops::Range<usize> {
        let first =
            |block: usize| block.saturating_mul(self.frames_per_token).div_ceil(self.level_blocks.max(1));
        first(block)..first(block.saturating_add(1))
    }

    /// Block of frame `i`.
    pub fn block(&self, i: usize) -> usize {
        i.saturating_mul(self.level_blocks).checked_div(self.frames_per_token).unwrap_or(0)
    }

    /// Part of the actions or the outcomes of a block.
    pub fn part(&self, block: usize, half: Half) -> usize {
        if self.level_blocks == 0 { 0 } else { 2 * block + usize::from(half == Half::Outcome) }
    }

    /// Part of each slot of a token, `[D]`.
    pub fn part_of_slots(&self) -> Vec<usize> {
        // Nothing is laid out for a layout that no sequence has.
        let width = if self.check().is_ok() { self.width() } else { 0 };
        let part = |slot: usize| {
            let half = if slot % self.frame() < self.action { Half::Action } else { Half::Outcome };
            self.part(self.block(slot / self.frame()), half)
        };
        (0..width).map(part).collect()
    }

    /// Part with whose outcomes a token ends.
    pub fn last_part(&self) -> usize {
        self.parts() - 1
    }

    /// Tokens of a sequence with `chunks` chunks, `T`.
    pub fn tokens(&self, chunks: usize) -> usize {
        FIRST_CHUNK.saturating_add(chunks)
    }

    /// Offset of frame `i`'s action in a token.
    pub fn action_at(&self, i: usize) -> usize {
        i.saturating_mul(self.frame())
    }

    /// Offset of frame `i`'s observation in a token.
    pub fn observation_at(&self, i: usize) -> usize {
        self.action_at(i).saturating_add(self.action)
    }

    /// Offset of frame `i`'s reward in a token, where there is one.
    pub fn reward_at(&self, i: usize) -> Option<usize> {
        self.reward.then(|| self.observation_at(i).saturating_add(self.observation))
    }

    /// Offset of the observation with which a token ends.
    pub fn last_observation(&self) -> usize {
        self.observation_at(self.frames_per_token.saturating_sub(1))
    }

    /// Slot of the goal token that says what a sequence earns.
    pub fn return_at(&self) -> usize {
        self.last_observation().saturating_sub(1)
    }

    /// Whether the goal token says anything.
    pub fn has_condition(&self) -> bool {
        self.returns || !self.condition.is_empty()
    }

    /// Whether slot `d` of token `t` exists.
    pub fn exists(&self, t: usize, d: usize) -> bool {
        let within = d.checked_sub(self.last_observation());
        match t {
            GOAL if self.returns => d == self.return_at(),
            STATE => within.is_some_and(|entry| entry < self.observation),
            GOAL => within.is_some_and(|entry| self.condition.contains(&entry)),
            _ => true,
        }
    }

    /// Writes a normalised observation into a state token of `width` zeros. What has no slot is left out.
    pub fn write_state(&self, observation: &[f64], token: &mut [f64]) {
        let slots = token.get_mut(self.last_observation()..).unwrap_or_default();
        slots.iter_mut().take(self.observation).zip(observation).for_each(|(slot, value)| *slot = *value);
    }

    /// Writes a goal, in normalised units and the order of `condition`, into a goal token; or the one number of a return. What
    /// has no slot is left out.
    pub fn write_goal(&self, goal: &[f64], token: &mut [f64]) {
        if self.returns {
            token
                .iter_mut()
                .skip(self.return_at())
                .take(1)
                .zip(goal)
                .for_each(|(slot, value)| *slot = *value);
            return;
        }
        let slots = token.get_mut(self.last_observation()..).unwrap_or_default();
        for (&index, &value) in self.condition.iter().zip(goal) {
            if let Some(slot) = slots.get_mut(index) {
                *slot = value;
            }
        }
    }
}

/// Whether other tokens may see token `t` of a sequence with `chunks` chunks.
pub(crate) fn is_visible(t: usize, chunks: usize, goal: bool) -> bool {
    if t == GOAL { goal } else { t < FIRST_CHUNK.saturating_add(chunks) }
}

/// Chunks from token `t` to the end of its sequence; 0 for state and goal, and past the end.
pub(crate) fn remaining_chunks(t: usize, chunks: usize) -> usize {
    if t < FIRST_CHUNK { 0 } else { FIRST_CHUNK.saturating_add(chunks).saturating_sub(t.saturating_add(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_of_positions_and_entries_of_things_that_are_alike_are_of_one_scale() {
        let layout = TokenLayout {
            observation: 8,
            action: 1,
            reward: false,
            frames_per_token: 1,
            chunks: 1,
            condition: vec![3, 6],
            bodies: vec![0..2, 3..5, 6..8],
            objects: Vec::new(),
            level_blocks: 0,
            returns: false,
        };
        assert_eq!(layout.alike(), [[0, 3, 6], [1, 4, 7]]);
        // The second entry of each thing is no position.
        let things =
            TokenLayout { bodies: vec![0..1, 3..4, 6..7], objects: vec![3..5, 6..8], ..layout.clone() };
        assert_eq!(things.alike(), [vec![0, 3, 6], vec![4, 7]]);
        // The place of one thing alone is told as a position.
        let one = TokenLayout { bodies: vec![0..1, 3..4], ..things };
        assert_eq!(one.alike(), [vec![0, 3, 6], vec![4, 7]]);
        assert!(TokenLayout { bodies: Vec::new(), ..layout }.alike().is_empty());
    }
}
