//! From a batch to its outputs.

use super::mlp::Mlp;
use super::product::{Matrix, product};
use super::shards::{each, rows_together};
use super::{Activation, Tape, kernels};
use crate::PolicyError;

/// One shard's part of a hidden layer.
struct HiddenPart<'a> {
    slope: &'a mut [f32],
    normed: &'a mut [f32],
    inverse: &'a mut [f32],
    out: &'a mut [f32],
}

/// Some rows of a batch, on their way through all layers.
struct Shard<'a> {
    input: &'a [f32],
    hidden: Vec<HiddenPart<'a>>,
    output: &'a mut [f32],
}

impl Mlp {
    /// Outputs `[rows, output]` of the rows `[rows, input]`; the tape keeps what [`Mlp::backward`] needs.
    ///
    /// # Errors
    /// [`PolicyError::Length`] where the input is no whole number of rows.
    pub fn forward<'t>(&self, tape: &'t mut Tape, input: &[f32]) -> Result<&'t [f32], PolicyError> {
        let width = self.config().input();
        let rows = input.len() / width;
        if rows * width != input.len() {
            let want = (rows + 1) * width;
            return Err(PolicyError::Length { what: "network input", want, got: input.len() });
        }
        tape.fit(self, rows, input);
        each(shards(self, tape), |shard| self.forward_shard(shard));
        tape.live = true;
        Ok(&tape.output)
    }

    fn forward_shard(&self, Shard { input, mut hidden, output }: Shard<'_>) {
        let Some((last, layers)) = self.layers.split_last() else { return };
        let mut x: &[f32] = input;
        for (layer, part) in layers.iter().zip(&mut hidden) {
            let rows = x.len() / layer.input;
            let shape = [rows, layer.input, layer.output];
            let HiddenPart { slope, normed, inverse, out } = part;
            let weight = Matrix::rows(self.part(&layer.weight), layer.output);
            let fits = product(Matrix::rows(x, layer.input), weight, shape, slope);
            debug_assert!(fits, "a tape fits its network");
            let bias = self.part(&layer.bias);
            match self.config().activation {
                Activation::Gelu => kernels::gelu(slope, bias, out),
                Activation::Relu => kernels::relu(slope, bias, out),
            }
            if !layer.scale.is_empty() {
                let (scale, shift) = (self.part(&layer.scale), self.part(&layer.shift));
                kernels::normalise(out, scale, shift, normed, inverse);
            }
            x = out;
        }
        let shape = [x.len() / last.input, last.input, last.output];
        let weight = Matrix::rows(self.part(&last.weight), last.output);
        let fits = product(Matrix::rows(x, last.input), weight, shape, output);
        debug_assert!(fits, "a tape fits its network");
        kernels::add_bias(output, self.part(&last.bias));
    }
}

/// Cuts a batch, and every array that goes with it, into the same rows.
fn shards<'a>(network: &Mlp, tape: &'a mut Tape) -> Vec<Shard<'a>> {
    let cut = rows_together(tape.rows);
    let (input, output) = (network.config().input(), network.config().output());
    let inputs = tape.input.chunks(cut * input);
    let mut shards: Vec<Shard<'_>> = inputs
        .zip(tape.output.chunks_mut(cut * output))
        .map(|(input, output)| Shard { input, hidden: Vec::with_capacity(tape.hidden.len()), output })
        .collect();
    for (kept, layer) in tape.hidden.iter_mut().zip(&network.layers) {
        let wide = cut * layer.output;
        let mut normed = kept.normed.chunks_mut(wide);
        let mut inverse = kept.inverse.chunks_mut(cut);
        let parts = kept.slope.chunks_mut(wide).zip(kept.out.chunks_mut(wide));
        for (shard, (slope, out)) in shards.iter_mut().zip(parts) {
            let (normed, inverse) = (normed.next().unwrap_or_default(), inverse.next().unwrap_or_default());
            shard.hidden.push(HiddenPart { slope, normed, inverse, out });
        }
    }
    shards
}
