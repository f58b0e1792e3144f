//! Rows of levels to train on: what sampling shows a network, and everything in between.
//!
//! A network is a planner, a policy, a world model or an inverse model by what it is shown, so each of these rows is
//! drawn often enough to be learnt. Where all levels are drawn independently, a sequence of twenty chunks is all noise
//! once in an age; but that is the row with which every plan begins, and the one that decides which way round a wall it
//! goes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::layout::{FIRST_CHUNK, GOAL, Half, STATE};
use crate::{TokenLayout, TrainConfig};

/// Steepest pyramid drawn: how much noisier each chunk is than the one before, as a share of pure noise.
const STEEPEST: f64 = 0.15;
/// Share of the rows of world models, policies and inverse models in which the goal is hidden. A world model is not to
/// know where the sequence ends: that would tell it how things went.
const HIDDEN: f64 = 0.8;

/// Share of the chunks that a row of [`Row::Forcing`] asks for, at most.
const MOST_ASKED: f64 = 0.6;

/// Share of the blocks of a badly seen past that are seen badly.
const BADLY_SEEN: f64 = 0.3;

/// A kind of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// Decisions and outcomes of every chunk at a level of their own, in half of the chunks from a block on open.
    Independent,
    /// Chunks of a pyramid, seen at a random moment; all parts of a chunk together.
    Pyramid,
    /// Past clean, decisions shown up to a cut, the outcomes of the last block shown asked for.
    Imagine,
    /// Past clean, decisions of a chunk asked for, its outcomes and all that follows open.
    Act,
    /// All outcomes clean, decisions asked for.
    InferActions,
    /// Each chunk known or at levels of its own: of a causal network every chunk that is not known is asked for, given what
    /// came before.
    Forcing,
}

impl Row {
    /// The row of a sequence.
    pub fn draw(rng: &mut ChaCha8Rng, train: &TrainConfig, layout: &TokenLayout) -> Self {
        if rng.random_bool(train.pyramids) {
            return Self::Pyramid;
        }
        if layout.level_blocks == 0 {
            return Self::Independent;
        }
        // Shares of all sequences, of which pyramids have taken theirs.
        let drawn = train.pyramids + (1.0 - train.pyramids) * rng.random::<f64>();
        let mut upto = train.pyramids;
        for (row, share) in [
            (Self::Imagine, train.imagine),
            (Self::Act, train.act),
            (Self::InferActions, train.infer_actions),
            (Self::Forcing, train.forcing),
        ] {
            upto += share;
            if drawn < upto {
                return row;
            }
        }
        Self::Independent
    }

    /// Whether the sequence has no goal token.
    pub fn hides_goal(self, rng: &mut ChaCha8Rng, train: &TrainConfig) -> bool {
        let hidden = match self {
            Self::Independent | Self::Pyramid | Self::Forcing => train.condition_dropout,
            Self::Imagine | Self::Act | Self::InferActions => HIDDEN.max(train.condition_dropout),
        };
        rng.random_bool(hidden)
    }
}

/// Chunks of the past, of any number, in every second row none.
fn past(rng: &mut ChaCha8Rng, chunks: usize) -> usize {
    if rng.random_bool(0.5) { 0 } else { rng.random_range(0..chunks) }
}

/// Where a world model is asked for outcomes: those of a block of a chunk, after a past of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The chunk in question.
    pub chunk: usize,
    /// The block in question, the last of those that are shown.
    pub block: usize,
}

impl Asked {
    /// Any block, alone.
    pub fn draw(rng: &mut ChaCha8Rng, layout: &TokenLayout, chunks: usize) -> Self {
        Self { chunk: past(rng, chunks), block: rng.random_range(0..layout.level_blocks) }
    }

    /// Frames of a sequence before the block in question.
    pub fn frames_before(self, layout: &TokenLayout) -> usize {
        self.chunk * layout.frames_per_token + layout.frames_of(self.block).start
    }
}

/// Levels of a sequence.
pub(super) struct RowLevels {
    /// Of each part of each token, `[T, P]`.
    pub level_tp: Vec<u16>,
    /// The level up to which parts of chunks are the past of what is asked, and weigh nothing: they would outnumber it. 0
    /// where all weigh.
    pub past: u16,
}

/// Levels of a sequence with `chunks` visible chunks, out of `levels`. `asked` is what a world model is to be asked
/// for; where it is not given any block is, half of all times together with those before it.
pub(super) fn draw_levels(
    rng: &mut ChaCha8Rng,
    (row, asked): (Row, Option<Asked>),
    train: &TrainConfig,
    layout: &TokenLayout,
    levels: usize,
    chunks: usize,
) -> RowLevels {
    let (tokens, count) = (layout.tokens(layout.chunks), layout.parts());
    let known = ((levels as f64 * train.known_level).round() as usize).max(1);
    let mut level_tp = vec![levels as u16; tokens * count];
    for token in [STATE, GOAL] {
        level_tp[token * count..(token + 1) * count].fill(rng.random_range(1..=levels) as u16);
    }
    let mut draw = Draw { rng, layout, levels, known };
    let of_chunks = &mut level_tp[FIRST_CHUNK * count..(FIRST_CHUNK + chunks) * count];
    let mut remembers = row == Row::Forcing;
    match row {
        Row::Independent => draw.independent(of_chunks),
        Row::Pyramid => remembers = draw.pyramid(train.history, of_chunks),
        Row::Imagine => draw.imagine(asked, of_chunks),
        Row::Act => draw.act(of_chunks),
        Row::InferActions => draw.infer_actions(of_chunks),
        Row::Forcing => draw.forcing(of_chunks),
    }
    for (token, probability) in [(STATE, 1.0 - train.context_dropout), (GOAL, train.known_goal)] {
        if draw.rng.random_bool(probability) {
            let level = draw.known();
            level_tp[token * count..(token + 1) * count].fill(level);
        }
    }
    RowLevels { level_tp, past: if remembers { known as u16 } else { 0 } }
}

/// Draws the levels of the chunks of one sequence, `[chunks, P]`, which come as pure noise.
struct Draw<'a> {
    rng: &'a mut ChaCha8Rng,
    layout: &'a TokenLayout,
    levels: usize,
    known: usize,
}

impl Draw<'_> {
    /// A level at which what is known is shown.
    fn known(&mut self) -> u16 {
        self.rng.random_range(1..=self.known) as u16
    }

    /// Any level.
    fn any(&mut self) -> u16 {
        self.rng.random_range(1..=self.levels) as u16
    }

    /// Each half of each chunk at a level of its own, from a block on, in half of the chunks, at pure noise.
    fn independent(&mut self, level_cp: &mut [u16]) {
        let (count, blocks) = (self.layout.parts(), self.layout.level_blocks);
        for level_p in level_cp.chunks_exact_mut(count) {
            if blocks == 0 {
                level_p[0] = self.any();
                continue;
            }
            let shown = if self.rng.random_bool(0.5) { blocks } else { self.rng.random_range(1..=blocks) };
            let halves = [self.any(), self.any()];
            level_p.chunks_exact_mut(2).take(shown).for_each(|block| block.copy_from_slice(&halves));
        }
    }

    /// After a past in a share of the rows; without one where there is no such share, and no draw for it. Says whether there is
    /// a past.
    fn pyramid(&mut self, history: f64, level_cp: &mut [u16]) -> bool {
        let count = self.layout.parts();
        let chunks = level_cp.len() / count;
        let remembers = history > 0.0 && self.rng.random_bool(history);
        let past = if remembers { self.rng.random_range(0..chunks) } else { 0 };
        let (before, level_cp) = level_cp.split_at_mut(past * count);
        let badly = past > 0 && self.rng.random_bool(0.5);
        for level_p in before.chunks_exact_mut(count) {
            level_p.fill(self.known());
            for outcomes in level_p.iter_mut().skip(count.min(2) - 1).step_by(2) {
                if badly && self.rng.random_bool(BADLY_SEEN) {
                    // Not at all as often as at any level.
                    *outcomes = if self.rng.random_bool(0.5) { self.levels as u16 } else { self.any() };
                }
            }
        }
        let chunks = level_cp.len() / count;
        let slope = if self.rng.random_bool(0.5) { 0.0 } else { self.rng.random_range(0.0..STEEPEST) };
        let first = self.rng.random_range(-slope * chunks as f64..1.0);
        for (t, level_p) in level_cp.chunks_exact_mut(count).enumerate() {
            let share = first + slope * (t + 1) as f64;
            let level = if share <= 0.0 {
                self.known()
            } else {
                ((share.min(1.0) * self.levels as f64).ceil() as usize).clamp(1, self.levels) as u16
            };
            level_p.fill(level);
        }
        past > 0
    }

    /// Each chunk known, or at a level of its own, or its halves at one each, or its outcomes alone; how many are known differs
    /// from row to row.
    fn forcing(&mut self, level_cp: &mut [u16]) {
        let asked = self.rng.random_range(0.0..MOST_ASKED);
        for level_p in level_cp.chunks_exact_mut(self.layout.parts()) {
            if !self.rng.random_bool(asked) {
                level_p.fill(self.known());
                continue;
            }
            let halves = [self.any(), self.any()];
            let block = match self.rng.random_range(0..3) {
                0 => halves,
                1 => [self.known(), halves[1]],
                _ => [halves[0]; 2],
            };
            level_p.chunks_exact_mut(2).for_each(|level_p| level_p.copy_from_slice(&block));
        }
    }

    /// Cleans a past of any length; returns the chunk after it, `[P]`.
    fn past<'l>(&mut self, level_cp: &'l mut [u16]) -> &'l mut [u16] {
        let past = past(self.rng, level_cp.len() / self.layout.parts());
        self.after(past, level_cp)
    }

    /// Cleans a past of so many chunks; returns the chunk after it, `[P]`.
    fn after<'l>(&mut self, past: usize, level_cp: &'l mut [u16]) -> &'l mut [u16] {
        let count = self.layout.parts();
        let (before, rest) = level_cp.split_at_mut(past * count);
        before.chunks_exact_mut(count).for_each(|level_p| level_p.fill(self.known()));
        &mut rest[..count]
    }

    /// Outcomes of the blocks before the one in question are clean, or at its level, as they are where a chunk is imagined
    /// at once. What follows is open, decisions included: they may have answered the outcome (to do is not to see).
    fn imagine(&mut self, asked: Option<Asked>, level_cp: &mut [u16]) {
        let layout = self.layout;
        let chunk = match asked {
            Some(asked) => self.after(asked.chunk, level_cp),
            None => self.past(level_cp),
        };
        let last = asked.map_or_else(|| self.rng.random_range(0..layout.level_blocks), |asked| asked.block);
        let outcome = self.any();
        let together = asked.is_none() && self.rng.random_bool(0.5);
        for block in 0..=last {
            chunk[layout.part(block, Half::Action)] = self.known();
            let open = together || block == last;
            chunk[layout.part(block, Half::Outcome)] = if open { outcome } else { self.known() };
        }
    }

    fn act(&mut self, level_cp: &mut [u16]) {
        let chunk = self.past(level_cp);
        let decision = self.any();
        chunk.iter_mut().step_by(2).for_each(|level| *level = decision);
    }

    fn infer_actions(&mut self, level_cp: &mut [u16]) {
        let decision = self.any();
        for block in level_cp.chunks_exact_mut(2) {
            block.copy_from_slice(&[decision, self.known()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    const LEVELS: usize = 100;
    const CHUNKS: usize = 6;

    fn layout() -> TokenLayout {
        TokenLayout {
            observation: 2,
            action: 1,
            reward: false,
            frames_per_token: 4,
            chunks: CHUNKS,
            condition: Vec::new(),
            bodies: vec![],
            objects: vec![],
            level_blocks: 2,
            returns: false,
        }
    }

    /// Levels of chunks of many pyramids, `[chunks, P]` each.
    fn pyramids(history: f64) -> Vec<Vec<Vec<u16>>> {
        let (layout, train) = (layout(), TrainConfig { history, ..TrainConfig::default() });
        let levels = |seed: u64| {
            let mut rng = random::stream(seed, &[]);
            let RowLevels { level_tp, .. } =
                draw_levels(&mut rng, (Row::Pyramid, None), &train, &layout, LEVELS, CHUNKS);
            level_tp.chunks_exact(layout.parts()).skip(FIRST_CHUNK).map(<[u16]>::to_vec).collect()
        };
        (0..4000).map(levels).collect()
    }

    #[test]
    fn pyramids_after_a_past_have_one_of_any_length_whose_decisions_are_known() {
        let known = (LEVELS as f64 * TrainConfig::default().known_level).round() as u16;
        let rows = pyramids(1.0);
        // Pure noise from some chunk on and a clean chunk before it: a pyramid alone is never so steep.
        let mut by_length = [0_usize; CHUNKS];
        let (mut badly, mut unseen) = (0, 0);
        for row in &rows {
            let open = row.iter().take_while(|chunk| chunk[0] <= known).count();
            if open == CHUNKS || row[open].iter().any(|&level| usize::from(level) < LEVELS) {
                continue;
            }
            by_length[open] += 1;
            let outcomes = || row[..open].iter().flat_map(|chunk| [chunk[1], chunk[3]]);
            assert!(row[..open].iter().all(|chunk| chunk[2] <= known), "decisions are known: {row:?}");
            badly += usize::from(outcomes().any(|level| level > known));
            unseen += usize::from(outcomes().any(|level| usize::from(level) == LEVELS));
        }
        let all: usize = by_length.iter().sum();
        assert!(by_length.iter().all(|&count| count > all / 12), "{by_length:?}");
        assert!((0.3..0.5).contains(&(badly as f64 / all as f64)), "{badly} of {all}");
        assert!(unseen > all / 6, "{unseen} of {all}");
    }

    #[test]
    fn without_a_share_all_parts_of_a_chunk_have_one_level() {
        let known = (LEVELS as f64 * TrainConfig::default().known_level).round() as u16;
        for row in pyramids(0.0) {
            for chunk in &row {
                assert!(chunk.iter().all(|&level| level == chunk[0]));
            }
            let steep = row.windows(2).any(|pair| pair[0][0] <= known && usize::from(pair[1][0]) == LEVELS);
            assert!(!steep, "{row:?}");
        }
    }

    /// Levels of the chunks of many rows of forcing, `[chunks, P]` each.
    fn forced() -> Vec<Vec<Vec<u16>>> {
        let (layout, train) = (layout(), TrainConfig::default());
        let levels = |seed: u64| {
            let mut rng = random::stream(seed, &[]);
            let RowLevels { level_tp, past } =
                draw_levels(&mut rng, (Row::Forcing, None), &train, &layout, LEVELS, CHUNKS);
            assert_eq!(f64::from(past), (LEVELS as f64 * train.known_level).round());
            level_tp.chunks_exact(layout.parts()).skip(FIRST_CHUNK).map(<[u16]>::to_vec).collect()
        };
        (0..4000).map(levels).collect()
    }

    /// What is known and what is asked for lie anywhere; of what is asked for a third has its decisions known, a third one
    /// level, a third two.
    #[test]
    fn forced_chunks_are_known_or_asked_for_wherever_they_are() {
        let known = (LEVELS as f64 * TrainConfig::default().known_level).round() as u16;
        let mut asked_at = [0_usize; CHUNKS];
        let [mut asked, mut together, mut decided] = [0.0; 3];
        for row in forced() {
            for (at, chunk) in row.iter().enumerate() {
                assert_eq!(chunk[..2], chunk[2..], "blocks of a chunk are alike");
                if chunk[1] <= known {
                    continue;
                }
                asked_at[at] += 1;
                asked += 1.0;
                together += f64::from(u8::from(chunk[0] == chunk[1]));
                decided += f64::from(u8::from(chunk[0] <= known));
            }
        }
        // Of 24,000 chunks 0.3 in the mean, less those whose level happened to be a known one.
        assert!((asked / 24_000.0 - 0.5 * MOST_ASKED).abs() < 0.02, "{asked}");
        assert!(asked_at.iter().all(|&count| (count as f64 * 6.0 / asked - 1.0).abs() < 0.1), "{asked_at:?}");
        assert!((together / asked - 1.0 / 3.0).abs() < 0.03, "{together} of {asked}");
        assert!((decided / asked - 1.0 / 3.0).abs() < 0.03, "{decided} of {asked}");
    }

    #[test]
    fn shares_of_forced_rows_are_as_asked_for_and_none_without() {
        let layout = layout();
        let share = |forcing: f64| {
            let train = TrainConfig { forcing, pyramids: 0.4, ..TrainConfig::default() };
            let mut rng = random::stream(7, &[]);
            let rows = (0..8000).map(|_| Row::draw(&mut rng, &train, &layout));
            rows.filter(|row| *row == Row::Forcing).count() as f64 / 8000.0
        };
        assert_eq!(share(0.0), 0.0);
        assert!((share(0.3) - 0.3).abs() < 0.02, "{}", share(0.3));
    }
}
