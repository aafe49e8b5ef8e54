//! A layer of the decoder: attention, then a mixture or one network.

use burn::{module::Module, tensor::Tensor};
use moe_layer::{ExpertBank, ExpertKind, FeedForward, Ffn, MoeLayer, MoeOutput, SharedExpert};
use nn::{Activation, Attention, KeyValues, Manner, NamedMap, RmsNorm};
use quant_gptq::Readers;
use routers::{LinearScorer, Scorer};
use weights::WeightsError;

use crate::{
    Qwen2MoeConfig,
    layout::{LAYER, expert_names},
    pass::Pass,
    source::Source,
};

const GATED: ExpertKind = ExpertKind::Gated(Activation::Silu);

/// `a = x + attention(rms(x))`, `y = a + ffn(rms(a))`.
#[derive(Module, Debug)]
pub(crate) struct Block {
    pub(crate) attention_norm: RmsNorm,
    pub(crate) attention: Attention,
    pub(crate) ffn_norm: RmsNorm,
    pub(crate) ffn: FeedForward,
}

impl Block {
    /// The tensors `model.layers.<layer>.*`.
    pub(crate) fn read(
        source: Source<'_>,
        layer: usize,
        config: &Qwen2MoeConfig,
    ) -> Result<Self, WeightsError> {
        let name = format!("{LAYER}{layer}");
        let norm = |part: &str| source.norm(&format!("{name}.{part}"), config);
        let map = |part: &str| source.linear(&format!("{name}.self_attn.{part}_proj"));
        let dims = config.attention();
        let maps = [map("q")?, map("k")?, map("v")?, map("o")?];
        let mlp = format!("{name}.mlp");
        Ok(Self {
            attention_norm: norm("input_layernorm")?,
            attention: Attention::from_maps(maps, dims.heads, dims.key_heads),
            ffn_norm: norm("post_attention_layernorm")?,
            ffn: if config.has_experts(layer) {
                FeedForward::Mixture(mixture(source, &mlp, config)?)
            } else {
                FeedForward::Dense(network(source, &mlp)?)
            },
        })
    }

    /// `x_bsd` `[B, S, D]` to the same shape, and what a mixture did, as the layer of this number.
    pub(crate) fn forward(
        &self,
        x_bsd: Tensor<3>,
        pass: &Pass,
        layer: usize,
        before: Option<&mut KeyValues>,
    ) -> (Tensor<3>, Option<MoeOutput>) {
        let [batch, sequence, width] = x_bsd.dims();
        let training = x_bsd.device().is_autodiff();
        let normed = self.attention_norm.forward(x_bsd.clone());
        let manner = Manner::of_pass(pass.input.precision, training, pass.input.noise_seed);
        let attended = kernels::part!(
            "attention",
            self.attention
                .forward(normed, Some(&pass.rotation), &pass.mask, before, manner)
        );
        let x_bsd = x_bsd + attended;
        let normed = self.ffn_norm.forward(x_bsd.clone());
        let x_td = normed.reshape([batch * sequence, width]);
        let context = pass.of_layer(layer, training);
        let (y_td, mixture) = kernels::part!("networks", self.ffn.forward(x_td, &context));
        (x_bsd + y_td.reshape([batch, sequence, width]), mixture)
    }
}

impl Block {
    /// Its maps in the order in which they are run, with their names in files as the layer of this number.
    pub(crate) fn stages(&mut self, layer: usize) -> Vec<Vec<Readers<'_>>> {
        self.maps(layer).0
    }

    /// The same, and the maps that decide.
    pub(crate) fn maps(&mut self, layer: usize) -> (Vec<Vec<Readers<'_>>>, Vec<NamedMap<'_>>) {
        let name = format!("{LAYER}{layer}");
        let attention = |part: &str| format!("{name}.self_attn.{part}_proj");
        let mlp = format!("{name}.mlp");
        let [query, key, value, output] = self.attention.maps_mut();
        let inputs = [
            (attention("q"), query),
            (attention("k"), key),
            (attention("v"), value),
        ];
        let mut stages = vec![
            vec![Readers::ones(inputs)],
            vec![Readers::ones([(attention("o"), output)])],
        ];
        let mut deciders = Vec::new();
        stages.extend(match &mut self.ffn {
            FeedForward::Dense(network) => of_network(network, &mlp).map(|readers| vec![readers]),
            FeedForward::Mixture(moe) => {
                let (router, experts, shared) = moe.parts_mut();
                let scorer = router.scorer_mut().and_then(Scorer::named_map_mut);
                let gate = |(end, map)| NamedMap::one(format!("{mlp}.gate{end}"), map);
                deciders.extend(scorer.map(gate));
                let count = experts.dims().experts;
                let mut own = experts.maps_mut().map(|maps| {
                    let named = maps.into_iter();
                    vec![Readers::experts(
                        named.map(|(part, maps)| (expert_names(count, &mlp, part), maps)),
                    )]
                });
                if let Some(shared) = shared {
                    let (ffn, gate) = shared.parts_mut();
                    let gate_name = format!("{mlp}.shared_expert_gate");
                    deciders.extend(gate.map(|gate| NamedMap::one(gate_name, gate)));
                    let shared = of_network(ffn, &format!("{mlp}.shared_expert"));
                    for (own, shared) in own.iter_mut().zip(shared) {
                        own.push(shared);
                    }
                }
                own
            }
        });
        (stages, deciders)
    }
}

/// The maps `<name>.*_proj`, by what they read.
fn of_network<'a>(network: &'a mut Ffn, name: &str) -> [Readers<'a>; 2] {
    network.maps_mut().map(|maps| {
        let named = maps.into_iter();
        Readers::ones(named.map(|(part, map)| (format!("{name}.{part}_proj"), map)))
    })
}

/// The network `<name>.{gate,up,down}_proj`.
fn network(source: Source<'_>, name: &str) -> Result<Ffn, WeightsError> {
    let map = |part: &str| source.linear(&format!("{name}.{part}_proj"));
    Ok(Ffn::from_maps(
        GATED,
        Some(map("gate")?),
        map("up")?,
        map("down")?,
    ))
}

/// The mixture `<name>.gate`, `.experts.*`, `.shared_expert`, `.shared_expert_gate`.
fn mixture(
    source: Source<'_>,
    name: &str,
    config: &Qwen2MoeConfig,
) -> Result<MoeLayer, WeightsError> {
    let stack = |part: &str| source.stack(&expert_names(config.num_experts, name, part));
    let experts = ExpertBank::from_maps(GATED, Some(stack("gate")?), stack("up")?, stack("down")?);
    // What decides, and not what is decided on, is f32 in any case.
    let decider = |part: &str| source.exact(&format!("{name}.{part}"));
    let shared = SharedExpert::from_maps(
        network(source, &format!("{name}.shared_expert"))?,
        Some(decider("shared_expert_gate")?),
    );
    let scorer = LinearScorer::from_map(decider("gate")?);
    let layer = MoeLayer::new(
        &config.moe(),
        &config.router(),
        &config.layer(),
        source.device,
    );
    Ok(layer
        .expect("a configuration that was read")
        .with_experts(experts)
        .with_shared(Some(shared))
        .map_router(|router| router.with_scorer(Scorer::Linear(scorer))))
}
