//! From the loss's gradient for the outputs to those for the weights and for the inputs.

use super::kernels;
use super::mlp::{Layer, Mlp};
use super::product::{Matrix, product};
use super::shards::{WEIGHT_ROWS, each, rows_together};
use super::tape::{Hidden, Tape};
use crate::PolicyError;
use crate::error::check_count;

/// Some rows of a batch, on their way back through all layers.
struct Shard<'a> {
    /// The loss's gradient for the outputs.
    output: &'a [f32],
    hidden: Vec<HiddenPart<'a>>,
    /// Gradients on the way, `[rows, widest]`.
    delta: &'a mut [f32],
    input: Option<&'a mut [f32]>,
    /// Gradients of biases, scales and shifts from these rows alone, in the order of the parameters.
    vectors: &'a mut [f32],
}

struct HiddenPart<'a> {
    slope: &'a mut [f32],
    normed: &'a [f32],
    inverse: &'a [f32],
}

impl Mlp {
    /// Gradients of a loss, given its gradient for the outputs of the last [`Mlp::forward`] on this tape: for the
    /// parameters into `parameters` (in their order), for the inputs into `input`; either may be left out. What stood
    /// there is overwritten. The loss is whatever the caller's gradient says: a mean over rows has its `1 / rows` in it.
    ///
    /// # Errors
    /// [`PolicyError::Length`] for arrays of other sizes, or where no forward pass of this network came before on this tape.
    pub fn backward(
        &self,
        tape: &mut Tape,
        output: &[f32],
        parameters: Option<&mut [f32]>,
        input: Option<&mut [f32]>,
    ) -> Result<(), PolicyError> {
        check_count("rows of a forward pass", usize::from(tape.live) * tape.rows, tape.rows.max(1))?;
        check_count("gradient for outputs", output.len(), tape.output.len())?;
        check_count("hidden layers on the tape", tape.hidden.len(), self.layers.len().saturating_sub(1))?;
        for (kept, layer) in tape.hidden.iter().zip(&self.layers) {
            check_count("hidden layer on the tape", kept.slope.len(), tape.rows * layer.output)?;
            let norm = if layer.scale.is_empty() { 0 } else { tape.rows };
            check_count("normalisation on the tape", kept.inverse.len(), norm)?;
        }
        check_count("input on the tape", tape.input.len(), tape.rows * self.config().input())?;
        if let Some(input) = &input {
            check_count("gradient for inputs", input.len(), tape.input.len())?;
        }
        if let Some(parameters) = &parameters {
            check_count("gradient for parameters", parameters.len(), self.len())?;
        }
        tape.live = false;
        let widest = self.config().sizes.iter().skip(1).copied().max().unwrap_or(0);
        tape.delta.resize(tape.rows * widest, 0.0);
        let cut = rows_together(tape.rows);
        let of_vectors: usize = self.layers.iter().map(|layer| vectors_of(layer).2).sum();
        let mut vectors = vec![0.0; tape.rows.div_ceil(cut) * of_vectors];
        let shards = shards(self, tape, output, input, &mut vectors, [cut, widest, of_vectors]);
        each(shards, |shard| self.backward_shard(shard));
        if let Some(parameters) = parameters {
            self.weight_gradients(tape, output, parameters, vectors.chunks_exact(of_vectors));
        }
        Ok(())
    }

    fn backward_shard(&self, shard: Shard<'_>) {
        let Shard { output, mut hidden, delta, input, vectors } = shard;
        let mut vectors = vectors;
        let mut parts: Vec<&mut [f32]> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let (part, rest) = vectors.split_at_mut(vectors_of(layer).2);
            (vectors, _) = (rest, parts.push(part));
        }
        let (Some(last), Some(part)) = (self.layers.last(), parts.pop()) else { return };
        kernels::add_rows(output, part);
        let rows = output.len() / last.output;
        let mut above = (last, output);
        for (layer, (hidden, part)) in self.layers.iter().zip(hidden.iter_mut().zip(parts)).rev() {
            let (next, z) = above;
            let delta = delta.get_mut(..rows * layer.output).unwrap_or_default();
            let weight = Matrix::transposed(self.part(&next.weight), next.output);
            let shape = [rows, next.output, next.input];
            let fits = product(Matrix::rows(z, next.output), weight, shape, delta);
            debug_assert!(fits, "a tape fits its network");
            let (bias, norm) = part.split_at_mut(layer.output);
            if !layer.scale.is_empty() {
                let (scale, shift) = norm.split_at_mut(layer.output);
                let own = self.part(&layer.scale);
                kernels::normalise_backward(delta, own, hidden.normed, hidden.inverse, scale, shift);
            }
            kernels::through_activation(delta, hidden.slope, bias);
            above = (layer, hidden.slope);
        }
        if let Some(input) = input {
            let (first, z) = above;
            let weight = Matrix::transposed(self.part(&first.weight), first.output);
            let shape = [rows, first.output, first.input];
            let fits = product(Matrix::rows(z, first.output), weight, shape, input);
            debug_assert!(fits, "a tape fits its network");
        }
    }

    /// `dW = x^T dz` of every layer, and the sums over shards, in their order.
    fn weight_gradients<'a>(
        &self,
        tape: &Tape,
        output: &[f32],
        parameters: &mut [f32],
        shards: impl Iterator<Item = &'a [f32]>,
    ) {
        for (index, vectors) in shards.enumerate() {
            let mut vectors = vectors;
            for layer in &self.layers {
                let (from, to, len) = vectors_of(layer);
                let (part, rest) = vectors.split_at(len);
                vectors = rest;
                let sums = parameters.get_mut(from..to).unwrap_or_default();
                if index == 0 {
                    sums.copy_from_slice(part);
                } else {
                    kernels::add_rows(part, sums);
                }
            }
        }
        let inputs = std::iter::once(&tape.input).chain(tape.hidden.iter().map(|hidden| &hidden.out));
        let outputs = tape.hidden.iter().map(|hidden| hidden.slope.as_slice()).chain([output]);
        let (mut products, mut rest) = (Vec::new(), parameters);
        for (layer, (x, z)) in self.layers.iter().zip(inputs.zip(outputs)) {
            let (weight, after) = rest.split_at_mut(layer.weight.len());
            (_, rest) = after.split_at_mut(vectors_of(layer).2);
            for (part, out) in weight.chunks_mut(WEIGHT_ROWS * layer.output).enumerate() {
                products.push((layer, x, part * WEIGHT_ROWS, z, out));
            }
        }
        each(products, |(layer, x, from, z, out)| {
            let left = Matrix::transposed(x.get(from..).unwrap_or_default(), layer.input);
            let shape = [out.len() / layer.output, tape.rows, layer.output];
            let fits = product(left, Matrix::rows(z, layer.output), shape, out);
            debug_assert!(fits, "a tape fits its network");
        });
    }
}

/// Where a layer's vectors (bias, scale, shift) stand among all parameters, and how many numbers they are.
fn vectors_of(layer: &Layer) -> (usize, usize, usize) {
    (layer.bias.start, layer.shift.end, layer.shift.end - layer.bias.start)
}

/// Cuts a batch, and every array that goes with it, into the rows of the forward pass.
fn shards<'a>(
    network: &Mlp,
    tape: &'a mut Tape,
    output: &'a [f32],
    input: Option<&'a mut [f32]>,
    vectors: &'a mut [f32],
    [cut, widest, of_vectors]: [usize; 3],
) -> Vec<Shard<'a>> {
    let (wide_in, wide_out) = (network.config().input(), network.config().output());
    let mut inputs = input.map(|input| input.chunks_mut(cut * wide_in));
    let outputs = output.chunks(cut * wide_out).zip(tape.delta.chunks_mut(cut * widest));
    let mut shards: Vec<Shard<'_>> = outputs
        .zip(vectors.chunks_exact_mut(of_vectors))
        .map(|((output, delta), vectors)| {
            let input = inputs.as_mut().and_then(Iterator::next);
            Shard { output, hidden: Vec::with_capacity(tape.hidden.len()), delta, input, vectors }
        })
        .collect();
    for (kept, layer) in tape.hidden.iter_mut().zip(&network.layers) {
        let Hidden { slope, normed, inverse, .. } = kept;
        let (mut normed, mut inverse) = (normed.chunks(cut * layer.output), inverse.chunks(cut));
        for (shard, slope) in shards.iter_mut().zip(slope.chunks_mut(cut * layer.output)) {
            let (normed, inverse) = (normed.next().unwrap_or_default(), inverse.next().unwrap_or_default());
            shard.hidden.push(HiddenPart { slope, normed, inverse });
        }
    }
    shards
}
