//! Scheduling matrices: which noise level each token has after each row of sampling.
//!
//! Chen et al., NeurIPS 2024, section 3.3 and appendix. Rows are `m`, tokens are `t`, an entry is a
//! *sampling* level from 0 (clean) to `S` (pure noise). A token that has levels for its parts has a column for each:
//! the kinds of the paper lower all of them together, and what a network is *asked* follows from which parts it is
//! shown ([`SchedulingMatrix::show`]).

use serde::{Deserialize, Serialize};

use crate::PlannerError;

/// Most tokens of a plan, and most entries of a matrix: a hundred times those of the longest plans in use.
const MOST_TOKENS: usize = 1 << 16;
const MOST_ENTRIES: usize = 1 << 27;

/// Orders of denoising by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleName {
    /// [`MatrixKind::FullSequence`].
    FullSequence,
    /// [`MatrixKind::Autoregressive`].
    Autoregressive,
    /// [`MatrixKind::Pyramid`].
    #[default]
    Pyramid,
    /// [`MatrixKind::Trapezoid`].
    Trapezoid,
}

impl ScheduleName {
    /// The order with `uncertainty` rows between the starts of neighbouring tokens, where it has some.
    pub fn with(self, uncertainty: f64) -> MatrixKind {
        match self {
            Self::FullSequence => MatrixKind::FullSequence,
            Self::Autoregressive => MatrixKind::Autoregressive,
            Self::Pyramid => MatrixKind::Pyramid { uncertainty },
            Self::Trapezoid => MatrixKind::Trapezoid { uncertainty },
        }
    }
}

/// Order in which tokens are denoised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MatrixKind {
    /// All tokens together: ordinary diffusion, as in Diffuser.
    FullSequence,
    /// One token after the other: next-token prediction. A pyramid with `uncertainty = S`.
    Autoregressive,
    /// Token `t` starts `floor(t * uncertainty)` rows after token 0: near future firm, far future uncertain.
    Pyramid {
        /// Rows between the starts of neighbouring tokens.
        uncertainty: f64,
    },
    /// The pyramid from both ends at once: start and goal known, the middle last.
    Trapezoid {
        /// Rows between the starts of neighbouring tokens.
        uncertainty: f64,
    },
}

impl Default for MatrixKind {
    fn default() -> Self {
        Self::Pyramid { uncertainty: 1.0 }
    }
}

/// What a network is shown of a part of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It is asked for: from noise to clean, as the matrix says.
    Asked,
    /// It is known: clean throughout.
    Known,
    /// It is left open: pure noise throughout.
    Open,
}

/// A matrix of sampling levels, monotone down each column: one for each part of each token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulingMatrix {
    tokens: usize,
    parts: usize,
    levels: u16,
    /// `[rows, tokens, parts]`.
    entries: Vec<u16>,
}

impl SchedulingMatrix {
    /// Matrix for `tokens` tokens that all start as pure noise (level `levels`) and all end clean.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for zero tokens or levels, or an uncertainty that is negative or NaN.
    pub fn new(kind: MatrixKind, tokens: usize, levels: u16) -> Result<Self, PlannerError> {
        if tokens > MOST_TOKENS {
            let remedy = format!("a plan has at most {MOST_TOKENS} tokens");
            return Err(PlannerError::Setting {
                name: "plan.horizon.lengths",
                value: tokens.to_string(),
                remedy,
            });
        }
        Self::from_levels(kind, &vec![levels; tokens], levels)
    }

    /// Matrix for tokens that start at the given levels, each at most `levels`.
    ///
    /// This is the warm start: a token whose column begins below `S` skips the rows above its level, and
    /// rows in which nothing would change are left out.
    ///
    /// # Errors
    /// As [`SchedulingMatrix::new`]; and for a start above `levels`.
    pub fn from_levels(kind: MatrixKind, start: &[u16], levels: u16) -> Result<Self, PlannerError> {
        let tokens = start.len();
        let bad = |name, value: String, remedy: &str| {
            Err(PlannerError::Setting { name, value, remedy: remedy.into() })
        };
        if tokens == 0 {
            return bad("plan.horizon.lengths", "0".into(), "a plan needs at least one token");
        }
        if levels == 0 {
            return bad("plan.sampler.steps", "0".into(), "sampling needs at least one level");
        }
        if let Some(level) = start.iter().find(|&&level| level > levels) {
            return bad(
                "plan.warm_start",
                level.to_string(),
                "a start level cannot exceed plan.sampler.steps",
            );
        }
        let uncertainty = match kind {
            MatrixKind::FullSequence => 0.0,
            MatrixKind::Autoregressive => f64::from(levels),
            MatrixKind::Pyramid { uncertainty } | MatrixKind::Trapezoid { uncertainty } => uncertainty,
        };
        // The upper bound keeps the row count in range; beyond S rows apart nothing changes any more.
        if uncertainty.is_nan() || uncertainty < 0.0 {
            return bad(
                "plan.sampler.uncertainty_scale",
                uncertainty.to_string(),
                "give a number of rows, zero or more",
            );
        }
        let uncertainty = uncertainty.min(f64::from(levels));
        let delay = |t: usize| {
            let from_end =
                if matches!(kind, MatrixKind::Trapezoid { .. }) { t.min(tokens - 1 - t) } else { t };
            (from_end as f64 * uncertainty).floor() as usize
        };
        let rows = usize::from(levels) + (0..tokens).map(delay).max().unwrap_or(0);
        let size = (rows + 1).checked_mul(tokens).filter(|&size| size <= MOST_ENTRIES);
        let Some(size) = size else {
            return bad(
                "plan.sampler.steps",
                format!("{levels}, {rows} rows of {tokens} tokens"),
                "that is more than anybody waits for: use fewer steps, or a smaller plan.sampler.uncertainty_scale",
            );
        };
        let mut entries = Vec::with_capacity(size);
        entries.extend_from_slice(start);
        for m in 1..=rows {
            let before = entries.len() - tokens;
            for (t, &first) in start.iter().enumerate() {
                let level = (usize::from(levels) + delay(t)).saturating_sub(m).min(usize::from(levels));
                entries.push(first.min(level as u16));
            }
            if entries[before..before + tokens] == entries[before + tokens..] {
                entries.truncate(before + tokens);
            }
        }
        Ok(Self { tokens, parts: 1, levels, entries })
    }

    /// The same for tokens of `parts` parts, all parts of a token together.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for more entries than anybody waits for, and for no parts.
    pub fn with_parts(self, parts: usize) -> Result<Self, PlannerError> {
        if parts == self.parts {
            return Ok(self);
        }
        let size = (self.entries.len() / self.parts).checked_mul(parts).filter(|&size| size <= MOST_ENTRIES);
        if size.is_none_or(|size| size == 0) {
            return Err(PlannerError::Setting {
                name: "model.level_blocks",
                value: format!("{parts} levels a token"),
                remedy: "that is none, or more than anybody waits for: use fewer blocks, steps or chunks"
                    .into(),
            });
        }
        let columns = self.entries.chunks_exact(self.parts);
        let entries = columns.flat_map(|entry| std::iter::repeat_n(entry[0], parts)).collect();
        Ok(Self { parts, entries, ..self })
    }

    /// The same where only some parts are asked for; `of(token, part)` says which. Rows in which nothing changes any
    /// more are left out.
    #[must_use]
    pub fn show(mut self, of: impl Fn(usize, usize) -> Shown) -> Self {
        let (columns, parts, levels) = (self.columns(), self.parts, self.levels);
        for (i, entry) in self.entries.iter_mut().enumerate() {
            match of(i % columns / parts, i % parts) {
                Shown::Asked => {}
                Shown::Known => *entry = 0,
                Shown::Open => *entry = levels,
            }
        }
        let mut entries: Vec<u16> = Vec::with_capacity(self.entries.len());
        for row in self.entries.chunks_exact(columns) {
            if !entries.ends_with(row) {
                entries.extend_from_slice(row);
            }
        }
        Self { entries, ..self }
    }

    /// The rows until the first `settled` tokens are clean and every other one has left pure noise: all that
    /// sampling must walk when only those tokens are executed before the next plan. Zero tokens, or more than
    /// there are, keep every row.
    #[must_use]
    pub fn until_settled(mut self, settled: usize) -> Self {
        if settled > 0 {
            let (settled, top) = (settled.min(self.tokens) * self.parts, self.levels);
            let done = |row: &[u16]| row[..settled].iter().all(|&k| k == 0) && row.iter().all(|&k| k < top);
            let last = self.entries.chunks_exact(self.columns()).position(done).unwrap_or(self.steps());
            self.entries.truncate((last + 1) * self.columns());
        }
        self
    }

    /// The same matrix behind `known` tokens that are clean throughout, at most as many as a plan has.
    #[must_use]
    pub fn after_known(&self, known: usize) -> Self {
        let known = known.min(MOST_TOKENS);
        let tokens = known + self.tokens;
        let mut entries = Vec::with_capacity((self.steps() + 1) * tokens * self.parts);
        for row in self.entries.chunks_exact(self.columns()) {
            entries.resize(entries.len() + known * self.parts, 0);
            entries.extend_from_slice(row);
        }
        Self { tokens, parts: self.parts, levels: self.levels, entries }
    }

    /// The same with the first tokens at levels that never change, `[tokens, parts]`: what is known, as well as it is.
    #[must_use]
    pub fn holding(mut self, level_tp: &[u16]) -> Self {
        let columns = self.columns();
        for row in self.entries.chunks_exact_mut(columns) {
            row.iter_mut().zip(level_tp).for_each(|(entry, &level)| *entry = level.min(self.levels));
        }
        self
    }

    /// Step `m` alone, in `n` equal steps: levels are counted `n` times as finely.
    ///
    /// # Errors
    /// [`PlannerError::Setting`] for no steps, and for more levels than there are numbers for.
    pub fn between(&self, m: usize, n: u16) -> Result<Self, PlannerError> {
        let levels = self.levels.checked_mul(n).filter(|levels| *levels > 0).ok_or_else(|| {
            let remedy = format!(
                "with {} steps of the student give between 1 and {}",
                self.levels,
                u16::MAX / self.levels
            );
            PlannerError::Setting { name: "distill.teacher_steps", value: n.to_string(), remedy }
        })?;
        let (from, to) = (self.row(m), self.row(m.saturating_add(1)));
        // Levels fall from row to row, and `n` times any of them is no more than `levels`.
        let step = |j: u16| from.iter().zip(to).map(move |(from, to)| (n - j) * from + j * to);
        let entries = (0..=n).flat_map(step).collect();
        Ok(Self { tokens: self.tokens, parts: self.parts, levels, entries })
    }

    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Parts of a token.
    pub fn parts(&self) -> usize {
        self.parts
    }

    /// Entries of a row, `tokens * parts`.
    fn columns(&self) -> usize {
        self.tokens * self.parts
    }

    /// Level of pure noise, `S`.
    pub fn levels(&self) -> u16 {
        self.levels
    }

    /// Number of denoising steps: one less than the number of rows of levels.
    pub fn steps(&self) -> usize {
        self.entries.len() / self.columns() - 1
    }

    /// Levels before step `m`, `[tokens, parts]`; `row(steps())` is the final one.
    pub fn row(&self, m: usize) -> &[u16] {
        let m = m.min(self.steps());
        &self.entries[m * self.columns()..(m + 1) * self.columns()]
    }

    /// Tokens, counted from token `first`, that are clean before step `m`.
    pub fn clean_tokens(&self, first: usize, m: usize) -> usize {
        self.row(m)
            .chunks_exact(self.parts)
            .skip(first)
            .take_while(|levels| levels.iter().all(|&level| level == 0))
            .count()
    }

    /// First row at which tokens `0..tokens` are all clean.
    pub fn clean_after(&self, tokens: usize) -> usize {
        let near = tokens.min(self.tokens) * self.parts;
        (0..=self.steps())
            .find(|&m| self.row(m)[..near].iter().all(|&level| level == 0))
            .unwrap_or(self.steps())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matrix(kind: MatrixKind, tokens: usize, levels: u16) -> SchedulingMatrix {
        SchedulingMatrix::new(kind, tokens, levels).unwrap()
    }

    #[test]
    fn full_sequence_lowers_all_tokens_together() {
        let m = matrix(MatrixKind::FullSequence, 3, 4);
        assert_eq!(m.steps(), 4);
        for row in 0..=4 {
            assert_eq!(m.row(row), [4 - row as u16; 3]);
        }
    }

    #[test]
    fn pyramid_entries_are_the_formula() {
        for uncertainty in [0.3, 1.0, 2.5] {
            let m = matrix(MatrixKind::Pyramid { uncertainty }, 6, 5);
            for row in 0..=m.steps() {
                for t in 0..6 {
                    let want = (5.0 + (t as f64 * uncertainty).floor() - row as f64).clamp(0.0, 5.0);
                    assert_eq!(m.row(row)[t], want as u16, "u {uncertainty} row {row} token {t}");
                }
            }
        }
    }

    #[test]
    fn autoregressive_finishes_a_token_before_the_next_begins() {
        let m = matrix(MatrixKind::Autoregressive, 3, 4);
        assert_eq!(m.steps(), 12);
        assert_eq!(m.row(4), [0, 4, 4]);
        assert_eq!(m.row(8), [0, 0, 4]);
    }

    #[test]
    fn trapezoid_is_symmetric() {
        let m = matrix(MatrixKind::Trapezoid { uncertainty: 1.0 }, 5, 3);
        for row in 0..=m.steps() {
            let mut mirrored = m.row(row).to_vec();
            mirrored.reverse();
            assert_eq!(m.row(row), mirrored);
        }
    }

    #[test]
    fn settling_stops_at_the_first_row_that_will_do() {
        // Six levels and six tokens: the near ones are clean while the far ones still move.
        let whole = matrix(MatrixKind::Pyramid { uncertainty: 0.4 }, 16, 6);
        assert_eq!(whole.steps(), 12);
        // The last token waits six rows and makes its first step in the seventh.
        assert_eq!(whole.clone().until_settled(1).steps(), 7);
        assert_eq!(whole.clone().until_settled(11).steps(), 10);
        assert_eq!(whole.clone().until_settled(16), whole);
        assert_eq!(whole.clone().until_settled(99), whole);
        assert_eq!(whole.clone().until_settled(0), whole);
        let next_token = matrix(MatrixKind::Autoregressive, 3, 4);
        assert_eq!(next_token.until_settled(1).steps(), 9, "no plan ends in pure noise");
    }

    #[test]
    fn unusable_settings_are_refused() {
        assert!(SchedulingMatrix::new(MatrixKind::FullSequence, 0, 4).is_err());
        assert!(SchedulingMatrix::new(MatrixKind::FullSequence, 2, 0).is_err());
        assert!(SchedulingMatrix::new(MatrixKind::Pyramid { uncertainty: f64::NAN }, 2, 4).is_err());
        assert!(SchedulingMatrix::new(MatrixKind::Pyramid { uncertainty: -1.0 }, 2, 4).is_err());
        assert!(SchedulingMatrix::from_levels(MatrixKind::FullSequence, &[5], 4).is_err());
    }

    #[test]
    fn parts_go_together_unless_they_are_shown_apart() {
        let whole = matrix(MatrixKind::Pyramid { uncertainty: 1.0 }, 2, 3);
        let parts = whole.clone().with_parts(2).unwrap();
        assert!(whole.clone().with_parts(0).is_err() && whole.clone().with_parts(usize::MAX).is_err());
        assert_eq!((parts.tokens(), parts.parts(), parts.steps()), (2, 2, whole.steps()));
        for m in 0..=whole.steps() {
            let doubled: Vec<u16> = whole.row(m).iter().flat_map(|&k| [k, k]).collect();
            assert_eq!(parts.row(m), doubled);
        }
        // The first token's outcomes given its actions, with nothing known of the second.
        let imagined = parts.after_known(1).show(|token, part| match (token, part) {
            (0, _) | (1, 0) => Shown::Known,
            (1, _) => Shown::Asked,
            _ => Shown::Open,
        });
        let rows: Vec<&[u16]> = (0..=imagined.steps()).map(|m| imagined.row(m)).collect();
        assert_eq!(rows, [[0, 0, 0, 3, 3, 3], [0, 0, 0, 2, 3, 3], [0, 0, 0, 1, 3, 3], [0, 0, 0, 0, 3, 3]]);
    }

    fn any_kind() -> impl Strategy<Value = MatrixKind> {
        prop_oneof![
            Just(MatrixKind::FullSequence),
            Just(MatrixKind::Autoregressive),
            (0.0..4.0f64).prop_map(|uncertainty| MatrixKind::Pyramid { uncertainty }),
            (0.0..4.0f64).prop_map(|uncertainty| MatrixKind::Trapezoid { uncertainty }),
        ]
    }

    proptest! {
        #[test]
        fn every_matrix_is_monotone_and_ends_clean(kind in any_kind(), start in prop::collection::vec(0u16..=9, 1..12)) {
            let m = SchedulingMatrix::from_levels(kind, &start, 9).unwrap();
            prop_assert_eq!(m.row(0), &start[..]);
            prop_assert!(m.row(m.steps()).iter().all(|&level| level == 0));
            for row in 1..=m.steps() {
                prop_assert!(m.row(row).iter().zip(m.row(row - 1)).all(|(now, before)| now <= before));
                prop_assert!(m.row(row) != m.row(row - 1));
            }
        }
    }

    #[test]
    fn a_step_in_between_is_the_same_way_in_equal_parts() {
        for kind in [MatrixKind::FullSequence, MatrixKind::Pyramid { uncertainty: 1.0 }] {
            let m = matrix(kind, 4, 3).with_parts(2).unwrap().after_known(1);
            for (row, n) in (0..m.steps()).zip([1, 2, 5, 4, 3, 2]) {
                let finer = m.between(row, n).unwrap();
                assert_eq!((finer.steps(), finer.levels(), finer.parts()), (usize::from(n), 3 * n, 2));
                for (i, (from, to)) in m.row(row).iter().zip(m.row(row + 1)).enumerate() {
                    for j in 0..=n {
                        let fallen = (from - to) * j;
                        assert_eq!(finer.row(usize::from(j))[i], from * n - fallen, "{kind:?} {row} {i}");
                    }
                }
            }
        }
    }
}
