//! What the layers of a pass have in common.

use burn::tensor::{FloatDType, Int, Tensor};
use kernels::pack;
use lm::DecoderInput;
use moe_layer::MoeContext;
use nn::{Mask, Rope, Rotation};

/// What the parts of a pass have in common.
#[derive(Debug)]
pub struct Pass {
    pub(crate) input: DecoderInput,
    pub(crate) rotation: Rotation,
    pub(crate) mask: Mask,
    ids_t: Tensor<1, Int>,
}

impl Pass {
    pub(crate) fn of(input: &DecoderInput, rope: &Rope) -> Self {
        let [batch, sequence] = input.ids_bs.dims();
        Self {
            input: input.clone(),
            rotation: rope.at(input.places_bs.clone()),
            mask: mask(input),
            ids_t: input.ids_bs.clone().reshape([batch * sequence]),
        }
    }

    /// The rows of `tokens_vd` `[V, D]` that the tokens name, `[B, S, D]` in f32.
    pub(crate) fn embedded(&self, tokens_vd: Tensor<2>) -> Tensor<3> {
        let [batch, sequence] = self.input.ids_bs.dims();
        let [_, width] = tokens_vd.dims();
        // `pack` and not a lookup, whose backward pass is one serial loop on GPUs.
        let embedded = pack(tokens_vd, self.ids_t.clone()).cast(FloatDType::F32);
        embedded.reshape([batch, sequence, width])
    }

    /// What the mixture of a layer must know.
    pub(crate) fn of_layer(&self, layer: usize, training: bool) -> MoeContext {
        MoeContext {
            token_ids_t: self.ids_t.clone(),
            rows: self.input.rows.clone(),
            // Layers of a pass draw different noise.
            noise_seed: self.input.noise_seed.wrapping_add(layer as u64),
            training,
            capacity: self.input.capacity,
            precision: self.input.precision,
        }
    }
}

/// What tokens see of what stands before them.
fn mask(input: &DecoderInput) -> Mask {
    let mut mask = Mask::causal();
    if let Some(real_bk) = &input.real_bk {
        mask = mask.with_real(real_bk.clone());
    }
    if let Some(texts_bs) = &input.texts_bs {
        mask = mask.with_texts(texts_bs.clone());
    }
    mask
}
