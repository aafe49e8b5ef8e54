//! A causal language model that keeps what it has computed.

use burn::tensor::{Bool, Int, Tensor};
use kernels::Precision;
use moe_layer::{BatchRows, Capacity};

use crate::{CausalLm, LmInput};

/// What a pass of a [`Decoder`] reads: the next S tokens of each of B texts.
#[derive(Debug, Clone)]
pub struct DecoderInput {
    /// Token ids `[B, S]`.
    pub ids_bs: Tensor<2, Int>,
    /// The number of each one's text within its row, `[B, S]`, where a row has several or padding: no token sees
    /// another text. With a cache a row is one text.
    pub texts_bs: Option<Tensor<2, Int>>,
    /// The place of each in its text, `[B, S]`, from 0; that of padding does not matter.
    pub places_bs: Tensor<2, Int>,
    /// Which tokens are real, those in the cache before them included, `[B, K]`; all where it is not
    /// said. The others are padding, which no token sees.
    pub real_bk: Option<Tensor<2, Bool>>,
    /// Which of the `B * S` tokens the mixtures route: all that are real.
    pub rows: BatchRows,
    /// Seed of the routers' noise in this pass.
    pub noise_seed: u64,
    /// Which capacity factor limits the mixtures.
    pub capacity: Capacity,
    /// In what matrices multiply.
    pub precision: Precision,
}

impl From<&LmInput> for DecoderInput {
    /// Texts from their beginning.
    fn from(input: &LmInput) -> Self {
        let [batch, sequence] = input.ids_bs.dims();
        let (texts_bs, places_bs, rows) = if let Some(texts) = input.texts.clone() {
            (Some(texts.texts_bs), texts.places_bs, texts.rows)
        } else {
            let places = Tensor::<1, Int>::arange(0..sequence as i64, &input.ids_bs.device());
            let places_bs = places.unsqueeze::<2>().expand([batch, sequence]);
            (None, places_bs, BatchRows::equal(batch, sequence))
        };
        Self {
            ids_bs: input.ids_bs.clone(),
            texts_bs,
            places_bs,
            real_bk: None,
            rows,
            noise_seed: input.noise_seed,
            capacity: input.capacity,
            precision: input.precision,
        }
    }
}

/// A causal language model that keeps keys and values, or whatever else of the tokens before bears on
/// those to come, so that a text is computed once, token by token.
///
/// It owes that the cache changes nothing: the logits are those of a pass over the whole text.
pub trait Decoder: CausalLm {
    /// What it keeps of the tokens before.
    type Cache;

    /// A cache that holds nothing.
    fn cache(&self) -> Self::Cache;

    /// Logits `[B, V]`, f32, of what follows the last of the S tokens, which come behind those in the
    /// cache and are in it from then on.
    fn decode(&self, input: &DecoderInput, cache: &mut Self::Cache) -> Tensor<2>;

    /// The cache of these of its rows, in this order; one may come several times.
    #[must_use]
    fn select(&self, cache: Self::Cache, rows: &[usize]) -> Self::Cache;
}
