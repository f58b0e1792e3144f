//! Levels, lengths and visibility of a batch, as the tensors a network takes.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::NetworkInput;
use crate::layout::{is_visible, remaining_chunks};

/// Added to an attention score that must not count. Far below any score, and finite, so that no arithmetic
/// on it can give NaN.
const HIDDEN: f32 = -1e9;

/// Everything a network is told besides the noisy tokens, on the host.
pub struct Conditions {
    batch: usize,
    tokens: usize,
    levels: usize,
    level_btl: Vec<f32>,
    remaining_bt: Vec<i32>,
    mask_btt: Vec<f32>,
    visible_bt: Vec<f32>,
}

impl Conditions {
    /// Conditions of `chunks_b.len()` sequences of `tokens` tokens: training levels `[B, T, L]` out of `levels`, visible
    /// chunks, visible goals. In a causal network a token sees only itself and what comes before it.
    pub fn new(
        tokens: usize,
        level_btl: &[u16],
        chunks_b: &[usize],
        goal_b: &[bool],
        causal: bool,
        levels: usize,
    ) -> Self {
        let batch = chunks_b.len();
        let (mut remaining_bt, mut visible_bt) = (Vec::new(), Vec::new());
        let mut mask_btt = Vec::with_capacity(batch * tokens * tokens);
        for (&chunks, &goal) in chunks_b.iter().zip(goal_b) {
            let visible = |t: usize| is_visible(t, chunks, goal);
            for t in 0..tokens {
                remaining_bt.push(remaining_chunks(t, chunks) as i32);
                visible_bt.push(f32::from(u8::from(visible(t))));
                mask_btt.extend(
                    (0..tokens).map(|s| if visible(s) && (!causal || s <= t) { 0.0 } else { HIDDEN }),
                );
            }
        }
        let level_btl = level_btl.iter().map(|&level| f32::from(level) / levels.max(1) as f32).collect();
        Self { batch, tokens, levels, level_btl, remaining_bt, mask_btt, visible_bt }
    }

    /// The network's input, of what it is shown; tracked by autodiff where that is.
    pub fn input(self, x_bti: Tensor<3>, device: &Device, dtype: DType) -> NetworkInput {
        let (b, t) = (self.batch, self.tokens);
        let tracked = x_bti.is_autodiff();
        let float = |values: Vec<f32>| {
            let len = values.len();
            let tensor = Tensor::<1>::from_data(TensorData::new(values, [len]), (device, dtype));
            if tracked { tensor.autodiff() } else { tensor }
        };
        let remaining = TensorData::new(self.remaining_bt, [b, t]);
        let remaining_bt = Tensor::<2, Int>::from_data(remaining, device);
        NetworkInput {
            x_bti,
            levels: self.levels,
            level_btl: {
                let told = self.level_btl.len() / (b * t).max(1);
                float(self.level_btl).reshape([b, t, told])
            },
            remaining_bt: if tracked { remaining_bt.autodiff() } else { remaining_bt },
            mask_b1tt: float(self.mask_btt).reshape([b, 1, t, t]),
            visible_bt1: float(self.visible_bt).reshape([b, t, 1]),
        }
    }
}
