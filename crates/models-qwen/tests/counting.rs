//! What is known of a model before it is read, held against one that was.

use std::path::Path;

use burn::tensor::Device;
use models_qwen::{Qwen2Moe, Qwen2MoeConfig};
use moe_layer::{FreshConfig, LayerDims, Replacement, replace_routers};
use nn::{MapMut, NamedMaps};
use routers::RouterConfig;
use rstest::rstest;
use testkit::assets;
use weights::Kept;

/// Names and sizes of each map: experts, inputs, outputs, and whether it has a bias.
type Maps = Vec<(Vec<String>, [usize; 3], bool)>;

fn read(model: &mut Qwen2Moe) -> Maps {
    let maps = model.named_maps().into_iter();
    let own = maps.map(|named| {
        let bias = match &named.map {
            MapMut::One(map) => map.bias.is_some(),
            MapMut::Experts(maps) => maps.bias.is_some(),
        };
        (named.names, named.map.dims(), bias)
    });
    own.collect()
}

fn known(config: &Qwen2MoeConfig, router: &RouterConfig) -> Maps {
    let maps = config.map_sizes(router).into_iter();
    let own = maps.map(|map| {
        let experts = if map.experts { map.names.len() } else { 1 };
        let sizes = [experts, map.dims.inputs, map.dims.outputs];
        (map.names, sizes, map.dims.bias)
    });
    own.collect()
}

#[rstest]
fn the_maps_of_a_model_are_those_that_its_configuration_says(
    #[values("fp32", "gptq_int4_g128")] form: &str,
    #[values(
        None,
        Some("scorer = { attention = { qk-dim = 12 } }"),
        Some("scorer = { linear = { bias = true } }"),
        Some("scorer = 'mlp'"),
        Some("strategy = 'hash'")
    )]
    other: Option<&str>,
) {
    let Some(assets) = assets("the_maps_of_a_model_are_those_that_its_configuration_says") else {
        return;
    };
    let folder = assets.join("models/tiny_qwen2_moe").join(form);
    let (mut model, config) = model(&folder);
    let router = match other {
        None => config.router(),
        Some(text) => {
            let router: RouterConfig = toml::from_str(text).expect("a router");
            let with = Replacement::new(router.clone(), FreshConfig::default());
            let dims = LayerDims::new(1, config.vocab_size);
            (model, ..) = replace_routers(model, &with, &dims, &[]).expect("a router that fits");
            router
        }
    };
    assert_eq!(known(&config, &router), read(&mut model));
}

fn model(folder: &Path) -> (Qwen2Moe, Qwen2MoeConfig) {
    let model = Qwen2Moe::load(folder, Kept::Stored, &Device::flex()).expect("the tiny model");
    let config = Qwen2MoeConfig::read(folder).expect("its configuration");
    (model, config)
}

/// What the headers say is what loading takes: every tensor of a model in half precision or in full.
#[rstest]
fn loaded_bytes_are_those_of_the_tensors(
    #[values(Kept::Stored, Kept::F32, Kept::F16, Kept::BF16)] kept: Kept,
) {
    let Some(assets) = assets("loaded_bytes_are_those_of_the_tensors") else {
        return;
    };
    let folder = assets.join("models/tiny_qwen2_moe/fp32");
    let model = Qwen2Moe::load(&folder, kept, &Device::flex()).expect("the tiny model");
    let bytes = Qwen2MoeConfig::loaded_bytes(&folder, kept).expect("headers");
    assert_eq!(bytes, all_bytes(&model));
}

fn all_bytes(model: &Qwen2Moe) -> u64 {
    struct Bytes(u64);

    impl burn::module::ModuleVisitor for Bytes {
        fn visit_float<const D: usize>(
            &mut self,
            param: &burn::module::Param<burn::tensor::Tensor<D>>,
        ) {
            self.0 += param.val().into_data().as_bytes().len() as u64;
        }
    }

    let mut bytes = Bytes(0);
    burn::module::Module::visit(model, &mut bytes);
    bytes.0
}
