//! Floating-point operations of a pass, counted from the architecture.
//!
//! Matrix products only, two operations for each multiplication with its addition, over the tokens that somebody
//! sees; attention is counted over all pairs of them. Element-wise work (norms, activations, softmax, gates) is left out. What depends on the noise
//! level alone is left out of planning, where it is looked up, and counted in training, where it changes with
//! every step.

use forethought_planner::TokenLayout;
use forethought_planner::network::{NetworkConfig, NetworkKind};

/// Sinusoids of a level's embedding.
const LEVEL_FEATURES: u64 = 64;
/// Widths of modulation per token: six for the blocks, two for the end.
const MODULATIONS: u64 = 8;

/// Products of one pass forward over some sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operations {
    input: u64,
    attention: u64,
    other: u64,
    level_input: u64,
    level_other: u64,
}

impl Operations {
    /// Counts a transformer over sequences of these numbers of tokens; `None` for other networks.
    pub fn of(network: &NetworkConfig, layout: &TokenLayout, lengths: &[usize]) -> Option<Self> {
        if network.kind != NetworkKind::Transformer {
            return None;
        }
        let tokens: u64 = lengths.iter().map(|&t| t as u64).sum();
        let pairs: u64 = lengths.iter().map(|&t| (t * t) as u64).sum();
        let (d, w, layers) = (layout.width() as u64, network.width as u64, network.layers as u64);
        let d_in = network.input(layout) as u64;
        let product = |inner: u64, columns: u64| 2 * tokens * inner * columns;
        // Scores and their use: T x T x (width of a head), for every head and sequence.
        let attention = layers * 2 * (2 * pairs * w);
        // Query, key and value; projection; feed-forward there and back.
        let linear = layers * (product(w, 3 * w) + product(w, w) + 2 * product(w, 4 * w));
        Some(Self {
            input: product(d_in, w),
            attention,
            other: linear + product(w, d),
            level_input: product(LEVEL_FEATURES * layout.told_levels() as u64, w),
            level_other: product(w, w) + product(w, MODULATIONS * w),
        })
    }

    /// A clean estimate.
    pub fn forward(self) -> u64 {
        self.input + self.attention + self.other
    }

    /// A clean estimate and a gradient with respect to the input: each linear layer once more, and four products
    /// for the two of attention.
    pub fn forward_and_pull(self) -> u64 {
        2 * (self.input + self.other) + 3 * self.attention
    }

    /// A loss and its gradient with respect to all weights: one product more for each linear layer's weights; the
    /// first layers need no gradient with respect to their input.
    pub fn training(self) -> u64 {
        2 * (self.input + self.level_input) + 3 * (self.other + self.attention + self.level_other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use forethought_envs::make;
    use forethought_planner::network::{Network, ParameterLayout};

    fn layout(chunks: usize) -> TokenLayout {
        TokenLayout::new(make("maze2d-umaze-v1").unwrap().spec(), 2, chunks, false, 0).unwrap()
    }

    #[test]
    fn a_small_network_by_hand() {
        // Three tokens of 12 numbers, width 4, one layer.
        let config = NetworkConfig { width: 4, layers: 1, heads: 2, ..Default::default() };
        let count = Operations::of(&config, &layout(1), &[3]).unwrap();
        let (input, output) = (2 * 3 * 12 * 4, 2 * 3 * 4 * 12);
        let block = 2 * 3 * 4 * 12 + 2 * 3 * 4 * 4 + 2 * (2 * 3 * 4 * 16);
        // Two heads of width 2: a 3 x 2 by 2 x 3 product, and a 3 x 3 by 3 x 2 one.
        let attention = 2 * (2 * 3 * 2 * 3 + 2 * 3 * 3 * 2);
        assert_eq!(count.forward(), input + output + block + attention);
        assert_eq!(count.forward_and_pull(), 2 * (input + output + block) + 3 * attention);
    }

    #[test]
    fn linear_layers_agree_with_the_weights_of_the_network_itself() {
        for (width, layers, fourier_features, chunks, batch) in [(8, 1, 0, 3, 1), (32, 3, 2, 5, 4)] {
            let config = NetworkConfig { width, layers, heads: 2, fourier_features, ..Default::default() };
            let layout = layout(chunks);
            let network = Network::new(&config, &layout, 0, &Device::flex()).unwrap();
            let slots = ParameterLayout::of(&network).slots;
            let entries = |level: bool| {
                let own = |name: &str| name.starts_with("level.") || name.contains("modulation.");
                let slots = slots.iter().filter(|slot| slot.decays() && own(&slot.name) == level);
                slots.map(|slot| slot.len() as u64).sum::<u64>()
            };
            let rows = (batch * layout.tokens(chunks)) as u64;
            let count = Operations::of(&config, &layout, &vec![layout.tokens(chunks); batch]).unwrap();
            assert_eq!(count.forward() - count.attention, 2 * rows * entries(false));
            assert_eq!(count.level_input + count.level_other, 2 * rows * entries(true));
        }
    }

    #[test]
    fn operations_grow_with_the_batch_and_other_networks_are_not_counted() {
        let config = NetworkConfig::default();
        let one = Operations::of(&config, &layout(16), &[18]).unwrap();
        let many = Operations::of(&config, &layout(16), &[18; 16]).unwrap();
        assert_eq!(many.training(), 16 * one.training());
        assert_eq!(
            Operations::of(&NetworkConfig { kind: NetworkKind::Gru, ..config }, &layout(16), &[18]),
            None
        );
        // Pairs of tokens, not tokens, are what attention grows with.
        let halves = Operations::of(&config, &layout(16), &[9, 9]).unwrap();
        assert_eq!(2 * halves.attention, one.attention);
        assert_eq!(halves.other, one.other);
    }
}
