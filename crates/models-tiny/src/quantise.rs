//! The model with its maps in four bits.

use burn::tensor::Tensor;
use kernels::Precision;
use lm::{CausalLm, LmInput, TokenBatch};
use moe_layer::Capacity;
use nn::{NamedMap, NamedMaps};
use quant_gptq::{GptqConfig, MapError, MapReport, Readers, quantise_layer};
use routers::Scorer;

use crate::{
    TinyMoe,
    model::{Block, context},
};

impl TinyMoe {
    /// The same model with the maps of its blocks in four bits, and what became of them: quantised in the order
    /// in which they are run, each on what those before it give of the calibration texts. Embeddings, head,
    /// norms, biases and what routes stay as they are.
    ///
    /// # Errors
    ///
    /// When a number is not finite, and for sizes of which eight do not share a word.
    pub fn quantised(
        mut self,
        config: &GptqConfig,
        texts: &[TokenBatch],
        mut told: impl FnMut(&MapReport),
    ) -> Result<(Self, Vec<MapReport>), MapError> {
        let device = self.device();
        let input = |text: &TokenBatch| LmInput {
            ids_bs: text.ids_bs(&device),
            texts: text.row_texts(&device),
            noise_seed: 0,
            capacity: Capacity::Evaluation,
            precision: Precision::F32,
        };
        let inputs: Vec<LmInput> = texts.iter().map(input).collect();
        let mut hidden: Vec<Tensor<3>> = inputs.iter().map(|input| self.embed(input)).collect();
        let mut all = Vec::new();
        for (number, block) in self.blocks.iter_mut().enumerate() {
            let maps = quantise_layer(
                (number, &mut *block),
                |block| block.stages(number),
                inputs.len(),
                |block, batch| {
                    let _ = block.forward(hidden[batch].clone(), &context(&inputs[batch], number));
                },
                config,
                &mut told,
            )?;
            all.extend(maps.into_iter().map(|map| map.report));
            for (x_bsd, input) in hidden.iter_mut().zip(&inputs) {
                *x_bsd = block.forward(x_bsd.clone(), &context(input, number)).0;
            }
        }
        Ok((self, all))
    }
}

impl Block {
    /// Its maps in the order in which they are run, with their names as the block of this number.
    fn stages(&mut self, number: usize) -> Vec<Vec<Readers<'_>>> {
        self.maps(number).0
    }

    /// The same, and the maps that decide.
    fn maps(&mut self, number: usize) -> (Vec<Vec<Readers<'_>>>, Vec<NamedMap<'_>>) {
        let name = format!("blocks.{number}");
        let [joint, output] = self.attention.maps_mut();
        let attention = |part: &str| format!("{name}.attention.{part}");
        let (router, experts, shared) = self.moe.parts_mut();
        let count = experts.dims().experts;
        let of_experts = |part: &str| -> Vec<String> {
            let one = |expert| format!("{name}.experts.{expert}.{part}");
            (0..count).map(one).collect()
        };
        let [mut hidden, mut down] = experts.maps_mut().map(|maps| {
            let named = maps.into_iter();
            vec![Readers::experts(
                named.map(|(part, maps)| (of_experts(part), maps)),
            )]
        });
        let mut deciders = Vec::new();
        let scorer = router.scorer_mut().and_then(Scorer::named_map_mut);
        let router = |(end, map)| NamedMap::one(format!("{name}.router{end}"), map);
        deciders.extend(scorer.map(router));
        if let Some(shared) = shared {
            let (ffn, gate) = shared.parts_mut();
            deciders.extend(gate.map(|gate| NamedMap::one(format!("{name}.shared_gate"), gate)));
            let [own_hidden, own_down] = ffn.maps_mut().map(|maps| {
                let named = maps.into_iter();
                Readers::ones(named.map(|(part, map)| (format!("{name}.shared.{part}"), map)))
            });
            hidden.push(own_hidden);
            down.push(own_down);
        }
        let stages = vec![
            vec![Readers::ones([(attention("query_key_value"), joint)])],
            vec![Readers::ones([(attention("output"), output)])],
            hidden,
            down,
        ];
        (stages, deciders)
    }
}

impl NamedMaps for TinyMoe {
    fn named_maps(&mut self) -> Vec<NamedMap<'_>> {
        let mut all = Vec::new();
        for (number, block) in self.blocks.iter_mut().enumerate() {
            let (stages, deciders) = block.maps(number);
            all.extend(stages.into_iter().flatten().flat_map(|readers| readers.0));
            all.extend(deciders);
        }
        all.push(NamedMap::one("head", &mut self.head));
        all
    }
}
