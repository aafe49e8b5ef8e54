//! A model whose every number can be worked by hand.

#![allow(dead_code, reason = "each test program uses some of it")]

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, TensorData},
};
use lm::{CausalLm, Decoder, DecoderInput, LmInput, LmLimits};
use moe_layer::{Mixtures, MoeLayer, MoeOutput};

/// A table of bigrams: the row of a token is the logits of the next.
#[derive(Module, Debug)]
pub(crate) struct Bigrams {
    table_vv: Param<Tensor<2>>,
}

/// The longest text.
pub(crate) const POSITIONS: usize = 6;

impl Bigrams {
    pub(crate) fn of<const V: usize>(table: [[f32; V]; V], device: &Device) -> Self {
        let table = TensorData::from(table);
        Self {
            table_vv: Param::from_data(table, device),
        }
    }
}

impl Mixtures for Bigrams {
    fn mixtures(&self) -> Vec<(usize, &MoeLayer)> {
        Vec::new()
    }

    fn map_mixtures<E>(
        self,
        _: impl FnMut(usize, MoeLayer) -> Result<MoeLayer, E>,
    ) -> Result<Self, E> {
        Ok(self)
    }
}

impl CausalLm for Bigrams {
    type Pass = LmInput;

    fn pass(&self, input: &LmInput) -> LmInput {
        input.clone()
    }

    fn embed(&self, pass: &LmInput) -> Tensor<3> {
        let [rows, length] = pass.ids_bs.dims();
        let ids_t = pass.ids_bs.clone().reshape([rows * length]);
        let [_, vocab] = self.table_vv.dims();
        let table_vv = self.table_vv.val();
        table_vv.select(0, ids_t).reshape([rows, length, vocab])
    }

    fn depth(&self) -> usize {
        0
    }

    fn layer(&self, _: usize, x_bsd: Tensor<3>, _: &LmInput) -> (Tensor<3>, Option<MoeOutput>) {
        (x_bsd, None)
    }

    fn logits(&self, x_bsd: Tensor<3>, _: &LmInput) -> Tensor<2> {
        x_bsd.flatten(0, 1)
    }

    fn router_of(_: &str) -> Option<&str> {
        None
    }

    fn limits(&self) -> LmLimits {
        LmLimits {
            vocab: self.table_vv.dims()[1],
            positions: POSITIONS,
            pads: true,
        }
    }

    fn device(&self) -> Device {
        self.table_vv.val().device()
    }
}

impl Decoder for Bigrams {
    /// Tokens that were read, padding included.
    type Cache = usize;

    fn cache(&self) -> usize {
        0
    }

    fn decode(&self, input: &DecoderInput, cache: &mut usize) -> Tensor<2> {
        let [_, length] = input.ids_bs.dims();
        *cache += length;
        if let Some(real_bk) = &input.real_bk {
            assert_eq!(real_bk.dims()[1], *cache, "every column is real or is not");
        }
        let last_b = input.ids_bs.clone().narrow(1, length - 1, 1);
        self.table_vv.val().select(0, last_b.squeeze_dim(1))
    }

    fn select(&self, cache: usize, _: &[usize]) -> usize {
        cache
    }
}
