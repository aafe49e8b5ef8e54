//! Experts from a feed-forward network, and a mixture in its place.

use burn::tensor::Tensor;
use moe_layer::{ExpertBank, FeedForward, Mixtures, MoeLayer};
use nn::{GroupedLinear, Linear};

use crate::{Bert, BertError};

impl Bert {
    /// A bank of `experts` copies of the feed-forward network of `layer` (from 0): `W1`, `b1` are
    /// `intermediate.dense`, `W2`, `b2` are `output.dense`, turned to `[in, out]`. The activation
    /// between them is the exact GELU in both, so every expert computes what the network does.
    ///
    /// # Errors
    ///
    /// No such layer, one whose network has been replaced, or no experts.
    pub fn expert_bank(&self, layer: usize, experts: usize) -> Result<ExpertBank, BertError> {
        if experts == 0 {
            return Err(BertError::NoExperts);
        }
        let FeedForward::Dense(network) = &self.block(layer)?.ffn else {
            return Err(BertError::Replaced { layer });
        };
        let copied = |map: &Linear| {
            let bias = map.bias.as_ref();
            let bias = bias.map(|bias| copies(bias.val().unsqueeze(), experts));
            GroupedLinear::from_tensors(copies(map.weight.val().unsqueeze(), experts), bias)
        };
        let (up, down) = (copied(network.up()), copied(network.down()));
        Ok(ExpertBank::mlp(up, down))
    }

    /// The model with a mixture of experts in place of the feed-forward network of `layer` (from 0).
    /// It sees the real tokens of a batch, and no padding.
    ///
    /// With experts that are all copies of the network, gates that sum to 1 for each token and
    /// nothing dropped, the model computes what it did before.
    ///
    /// # Errors
    ///
    /// No such layer, or a mixture of another width.
    pub fn with_moe(mut self, layer: usize, moe: MoeLayer) -> Result<Self, BertError> {
        let (width, got) = (self.config().hidden_size, moe.width());
        if got != width {
            return Err(BertError::Input {
                problem: format!(
                    "a mixture for layer {layer} must be {width} wide, as the model is, got {got}"
                ),
            });
        }
        self.block_mut(layer)?.ffn = FeedForward::Mixture(moe);
        Ok(self)
    }
}

impl Mixtures for Bert {
    fn mixtures(&self) -> Vec<(usize, &MoeLayer)> {
        let blocks = self.blocks.iter().enumerate();
        blocks
            .filter_map(|(number, block)| Some((number, block.ffn.mixture()?)))
            .collect()
    }

    fn map_mixtures<E>(
        mut self,
        mut change: impl FnMut(usize, MoeLayer) -> Result<MoeLayer, E>,
    ) -> Result<Self, E> {
        let blocks = std::mem::take(&mut self.blocks).into_iter().enumerate();
        let changed = blocks.map(|(number, mut block)| {
            block.ffn = block.ffn.map_mixture(|moe| change(number, moe))?;
            Ok(block)
        });
        self.blocks = changed.collect::<Result<_, E>>()?;
        Ok(self)
    }
}

/// One matrix, `[1, ..]`, as many times as asked for, `[E, ..]`: parameters of their
/// own, whose gradients do not go on to the network.
fn copies<const D: usize>(one: Tensor<D>, experts: usize) -> Tensor<D> {
    Tensor::cat(vec![one; experts], 0).detach()
}
