//! How a model is trained. Every default has its reason.

use serde::{Deserialize, Serialize};

use crate::PlannerError;
use crate::noise::LossWeight;

/// Parts of a batch at most: far beyond any use.
pub(crate) const MOST_SHARDS: usize = 1 << 12;

/// The training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Optimiser steps in all.
    pub steps: u64,
    /// Sequences per step.
    pub batch: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises from zero.
    pub warmup: u64,
    /// Learning rate at the end, as a share of the peak; falls along a cosine.
    pub min_lr_ratio: f64,
    /// Decoupled weight decay of linear layers' matrices.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient.
    pub grad_clip_norm: f64,
    /// Decay of the moving average of the weights per step (rises from zero at the start).
    pub ema: f64,
    /// Weight of each token's error. Fused by default: with plain min-SNR the errors that tie a noisy token to
    /// the clean ones before it weigh almost nothing, and plans come out as disjoint pieces.
    pub weight: LossWeight,
    /// Probability that the present is as noisy as everything else. Otherwise it is known, as it is in planning.
    pub context_dropout: f64,
    /// Level below which a known token's own level is drawn, as a share of pure noise. The reference draws from
    /// the cleanest quarter, whose worst level hides a third of a standard deviation; plans then do not begin
    /// where the present is. A fiftieth surrounds the level at which planning shows known tokens.
    pub known_level: f64,
    /// Share of the sequences whose chunks have the levels of one row of a pyramid, as sampling meets them; what the
    /// shares leave draws each chunk's levels independently. 0.7, with 0.14 for the next three together: positions are off
    /// by a few per cent less than with 0.5 and 0.3.
    pub pyramids: f64,
    /// Share of the rows of a pyramid that follow a past of any length, as plans are made with `plan.history`; in half of them
    /// parts of the past are seen badly or not at all. 0: where an observation says all, none is shown.
    pub history: f64,
    /// Share of the sequences that ask for outcomes, given the past and decisions. Without blocks of levels this share and
    /// the next two have no effect.
    pub imagine: f64,
    /// Share of those that ask for a block which begins near a place from which the data leap, within two blocks' travel, where
    /// they leap anywhere: there chance has a say, and it takes many draws to learn its odds. By the place and not by whether
    /// a leap followed, so no odds change. 0: as the data do.
    pub near_leaps: f64,
    /// Share of the sequences that ask for decisions, given the past.
    pub act: f64,
    /// Share of the sequences that ask for decisions, given all outcomes.
    pub infer_actions: f64,
    /// Share of the sequences in which each chunk is known or at levels of its own (Chen et al., NeurIPS 2024, algorithm 1, with
    /// a past as clean as plans are shown). In a causal network a chunk knows nothing of those after it, so one sequence asks as many questions as
    /// it has chunks, where a pyramid after a past asks one. For networks with a long past; 0 else.
    pub forcing: f64,
    /// Probability that a sequence has no goal token.
    pub condition_dropout: f64,
    /// Probability, given a goal token, that it is known.
    pub known_goal: f64,
    /// Whether sequences end at a random chunk (variable horizon); otherwise all but those of world and inverse models have
    /// full length.
    pub random_ends: bool,
    /// How much more often short sequences are drawn with random ends: lengths are the longest times `u^length_bias`, `u` uniform. 1:
    /// all alike. More for networks with a long past: what to do next hangs mostly on what has just been, and a short sequence costs
    /// little.
    pub length_bias: f64,
    /// Whether sequences begin at any row that a chunk follows, and not at those alone that a whole sequence follows; acts with
    /// random ends, and [`Self::balance`] implies it. False: of data that rest at their goals, sequences that rest would be
    /// most. True for episodes that are hardly longer than a sequence: else all sequences begin where episodes do.
    pub begin_anywhere: bool,
    /// Share of the sequences that begin within the first chunk of a trajectory, where sequences begin anywhere; they are of all
    /// lengths alike. For networks that remember: of a sequence that begins in the middle nobody can tell what was before, and
    /// where those are most a network does not believe that an episode begins. 0: where an observation says all, it is no matter.
    pub from_start: f64,
    /// How much more often sequences with a goal are drawn that lead from where to where the data seldom lead: as a power of
    /// how seldom, so that 1 makes all ways equally likely, up to a point. With random ends, sequences then begin at any row
    /// that a chunk follows; else at those that a whole sequence follows, and ends of short trajectories are seen from afar
    /// alone. 0: as the data do, which for data that fill their world and never rest is enough.
    pub balance: f64,
    /// Seed of weights, data order and noise.
    pub seed: u64,
    /// Parts into which a batch is cut for CPU workers. A setting and not the number of cores, so that the
    /// order in which gradients are summed, and with it the result, does not depend on the machine.
    pub shards: usize,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between lines of the metrics.
    pub log_every: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 20_000,
            batch: 128,
            learning_rate: 5e-4,
            warmup: 500,
            min_lr_ratio: 0.05,
            weight_decay: 1e-2,
            grad_clip_norm: 1.0,
            ema: 0.999,
            weight: LossWeight::FusedSnr,
            context_dropout: 0.25,
            known_level: 0.02,
            pyramids: 0.7,
            history: 0.0,
            imagine: 0.1,
            near_leaps: 0.0,
            act: 0.02,
            infer_actions: 0.02,
            forcing: 0.0,
            condition_dropout: 0.4,
            known_goal: 0.75,
            random_ends: true,
            length_bias: 1.0,
            begin_anywhere: false,
            from_start: 0.0,
            balance: 0.0,
            seed: 0,
            shards: 2,
            checkpoint_every: 500,
            log_every: 20,
        }
    }
}

impl TrainConfig {
    /// Whether sequences begin at any row that a chunk follows.
    pub(crate) fn begins_anywhere(&self) -> bool {
        self.random_ends && (self.begin_anywhere || self.balance > 0.0)
    }

    /// Refuses shares of rows that are more than all of them. Without blocks of levels only pyramids are drawn.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the shares.
    pub(crate) fn check_rows(&self, level_blocks: usize) -> Result<(), PlannerError> {
        let shares = self.pyramids + self.imagine + self.act + self.infer_actions + self.forcing;
        if level_blocks == 0 || shares <= 1.0 + 1e-9 {
            return Ok(());
        }
        Err(PlannerError::Setting {
            name: "train.pyramids",
            value: format!(
                "{}, {shares} with train.imagine, train.act, train.infer_actions and train.forcing",
                self.pyramids
            ),
            remedy: "these are shares of all sequences: give no more than 1 together".into(),
        })
    }

    /// Refuses settings that cannot be trained with.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] naming the setting.
    pub fn check(&self) -> Result<(), PlannerError> {
        let bad = |name, value: String, remedy: &str| {
            Err(PlannerError::Setting { name, value, remedy: remedy.into() })
        };
        for (name, value) in [
            ("train.batch", self.batch as u64),
            ("train.steps", self.steps),
            ("train.shards", self.shards as u64),
            ("train.checkpoint_every", self.checkpoint_every),
            ("train.log_every", self.log_every),
        ] {
            if value == 0 {
                return bad(name, value.to_string(), "give at least 1");
            }
        }
        // Far beyond any use, and small enough to be laid out before memory is asked for.
        for (name, value, most) in
            [("train.batch", self.batch, 1 << 16), ("train.shards", self.shards, MOST_SHARDS)]
        {
            if value > most {
                return bad(name, value.to_string(), &format!("give at most {most}"));
            }
        }
        for (name, value) in
            [("train.learning_rate", self.learning_rate), ("train.grad_clip_norm", self.grad_clip_norm)]
        {
            if !(value.is_finite() && value > 0.0) {
                return bad(name, value.to_string(), "give a positive number");
            }
        }
        if !(self.length_bias.is_finite() && self.length_bias >= 1.0) {
            return bad("train.length_bias", self.length_bias.to_string(), "give 1 or more");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return bad(
                "train.weight_decay",
                self.weight_decay.to_string(),
                "give zero or a positive number",
            );
        }
        for (name, value) in [
            ("train.min_lr_ratio", self.min_lr_ratio),
            ("train.context_dropout", self.context_dropout),
            ("train.pyramids", self.pyramids),
            ("train.history", self.history),
            ("train.imagine", self.imagine),
            ("train.near_leaps", self.near_leaps),
            ("train.act", self.act),
            ("train.infer_actions", self.infer_actions),
            ("train.forcing", self.forcing),
            ("train.condition_dropout", self.condition_dropout),
            ("train.known_goal", self.known_goal),
            ("train.known_level", self.known_level),
            ("train.balance", self.balance),
            ("train.from_start", self.from_start),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return bad(name, value.to_string(), "give a number between 0 and 1");
            }
        }
        if !(0.0..1.0).contains(&self.ema) {
            return bad("train.ema", self.ema.to_string(), "give a number from 0 up to, not including, 1");
        }
        Ok(())
    }
}
