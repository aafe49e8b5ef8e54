//! From token ids to the first hidden state.

use burn::{
    module::{Module, Param},
    tensor::{Int, Tensor},
};
use kernels::pack;
use nn::LayerNorm;

use crate::{BertConfig, BertError, source::Parameters};

/// `LN(word[id] + position[i] + type[t])`.
#[derive(Module, Debug)]
pub(crate) struct Embeddings {
    words_vd: Param<Tensor<2>>,
    positions_sd: Param<Tensor<2>>,
    types_td: Param<Tensor<2>>,
    norm: LayerNorm,
}

impl Embeddings {
    pub(crate) fn read(source: Parameters<'_>, config: &BertConfig) -> Result<Self, BertError> {
        let table = |name: &str| {
            let name = format!("embeddings.{name}_embeddings.weight");
            source.tensor(&name).map(Param::from_tensor)
        };
        Ok(Self {
            words_vd: table("word")?,
            positions_sd: table("position")?,
            types_td: table("token_type")?,
            norm: source.norm("embeddings.LayerNorm", config.layer_norm_eps)?,
        })
    }

    /// `ids_bs` and `types_bs` `[B, S]` to `[B, S, D]`; without types every token is of type 0.
    pub(crate) fn forward(
        &self,
        ids_bs: Tensor<2, Int>,
        types_bs: Option<Tensor<2, Int>>,
    ) -> Tensor<3> {
        let [batch, sequence] = ids_bs.dims();
        let [_, width] = self.words_vd.dims();
        // `pack` and not a lookup, whose backward pass is one serial loop on GPUs.
        let rows = |table: Tensor<2>, ids_bs: Tensor<2, Int>| {
            pack(table, ids_bs.reshape([batch * sequence])).reshape([batch, sequence, width])
        };
        let words = rows(self.words_vd.val(), ids_bs);
        let positions_1sd = self.positions_sd.val().narrow(0, 0, sequence).unsqueeze();
        let types = match types_bs {
            Some(types_bs) => rows(self.types_td.val(), types_bs),
            None => self.types_td.val().narrow(0, 0, 1).unsqueeze(),
        };
        self.norm.forward(words + positions_1sd + types)
    }

    /// The word embedding `[V, D]`, which is the matrix of the logits too.
    pub(crate) fn words_vd(&self) -> Tensor<2> {
        self.words_vd.val()
    }
}
