//! Texts of several lengths in one batch: padded or packed, each is read as if it were alone.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Int, Tensor},
};
use kernels::Precision;
use lm::{CausalLm, LmForward, LmInput, RowTexts, TokenBatch, pooled_balance};
use models_qwen::Qwen2Moe;
use moe_layer::Capacity;
use rstest::rstest;
use testkit::{Tolerance, assert_close, assets};
use weights::Kept;

/// Sums of the same terms and of zeros in another order.
const ORDER: Tolerance = Tolerance::new(1e-5, 1e-5);

/// The weight of the balancing loss: large enough that its gradients would show if they were wrong.
const ALPHA: f64 = 0.1;

/// A text, and the place of the first id that counts.
type Text = (&'static [u32], usize);

const TEXTS: [Text; 3] = [
    (&[5, 17, 2, 9, 30, 4, 4, 21], 3),
    (&[8, 3, 11], 1),
    (&[40, 1, 1, 7, 12], 1),
];

/// What stands in a row: padding of a length, or a text by its number.
#[derive(Debug, Clone, Copy)]
enum Part {
    Padding(usize),
    Text(usize),
}

use Part::{Padding, Text as Whole};

/// A batch of such rows, and where each text begins in it.
fn arranged(rows: &[Vec<Part>]) -> (TokenBatch, BTreeMap<usize, usize>) {
    let mut batch = TokenBatch {
        inputs: Vec::new(),
        targets: Vec::new(),
        counted: Some(Vec::new()),
        texts: Some(Vec::new()),
        rows: rows.len(),
        length: 0,
    };
    let (counted, texts) = (
        batch.counted.as_mut().unwrap(),
        batch.texts.as_mut().unwrap(),
    );
    let mut starts = BTreeMap::new();
    for row in rows {
        for (part, number) in row.iter().zip(1..) {
            match part {
                Padding(places) => {
                    // An ordinary id stands there, and is not to be seen.
                    batch.inputs.extend(vec![6; *places]);
                    batch.targets.extend(vec![6; *places]);
                    counted.extend(vec![false; *places]);
                    texts.extend(vec![0; *places]);
                }
                Whole(text) => {
                    let (ids, first) = TEXTS[*text];
                    starts.insert(*text, batch.inputs.len());
                    batch.inputs.extend(&ids[..ids.len() - 1]);
                    batch.targets.extend(&ids[1..]);
                    counted.extend((1..ids.len()).map(|place| place >= first));
                    texts.extend(vec![number; ids.len() - 1]);
                }
            }
        }
    }
    batch.length = batch.inputs.len() / rows.len();
    (batch, starts)
}

fn forward(model: &Qwen2Moe, batch: &TokenBatch) -> LmForward {
    let device = model.device();
    model.forward(&LmInput {
        ids_bs: batch.ids_bs(&device),
        texts: batch.row_texts(&device),
        noise_seed: 0,
        capacity: Capacity::Training,
        precision: Precision::F32,
    })
}

fn nll(forward: &LmForward, batch: &TokenBatch, device: &Device) -> Tensor<1> {
    forward.nll(batch.targets_t(device), batch.weights_t(device))
}

/// All gradients by the path of their parameter.
struct Found<'a> {
    gradients: &'a Gradients,
    path: Vec<String>,
    of: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Found<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = param.val().grad(self.gradients).expect("a gradient");
        let numbers = gradient.shape().num_elements();
        let path = self.path.join(".");
        self.of.insert(path, gradient.reshape([numbers]));
    }
}

fn gradients(model: &Qwen2Moe, loss: &Tensor<1>) -> BTreeMap<String, Tensor<1>> {
    let gradients = loss.backward();
    let mut found = Found {
        gradients: &gradients,
        path: Vec::new(),
        of: BTreeMap::new(),
    };
    model.visit(&mut found);
    found.of
}

#[rstest]
#[case::padded_on_the_left(vec![vec![Whole(0)], vec![Padding(5), Whole(1)], vec![Padding(3), Whole(2)]])]
#[case::padded_to_a_multiple(vec![vec![Padding(1), Whole(0)], vec![Padding(6), Whole(1)], vec![Padding(4), Whole(2)]])]
#[case::padded_on_the_right(vec![vec![Whole(0)], vec![Whole(1), Padding(5)], vec![Whole(2), Padding(3)]])]
#[case::packed(vec![vec![Whole(0)], vec![Padding(1), Whole(2), Whole(1)]])]
fn texts_side_by_side_are_read_as_if_alone(
    #[case] rows: Vec<Vec<Part>>,
    #[values("golden/tiny_qwen2moe", "models/tiny_qwen2_moe/fp32")] folder: &str,
) {
    let Some(assets) = assets("texts_side_by_side_are_read_as_if_alone") else {
        return;
    };
    let device = Device::flex().autodiff();
    let model = Qwen2Moe::load(&assets.join(folder), Kept::Stored, &device).expect("a model");
    let (batch, starts) = arranged(&rows);
    let together = forward(&model, &batch);

    let (mut losses, mut layers) = (None::<Tensor<1>>, Vec::new());
    for (text, start) in starts {
        let (alone, _) = arranged(&[vec![Whole(text)]]);
        let alone = TokenBatch {
            texts: None,
            ..alone
        };
        let out = forward(&model, &alone);
        let own = together.logits.clone().narrow(0, start, alone.length);
        assert_close(own, out.logits.clone(), ORDER);
        let sum = nll(&out, &alone, &device) * alone.num_counted() as f64;
        losses = Some(losses.map_or(sum.clone(), |losses| losses + sum));
        layers.extend(out.layers);
    }
    // The texts by themselves, weighted by what counts in them.
    let lm = losses.expect("texts") / batch.num_counted() as f64;
    let balance = pooled_balance(&layers).expect("a loss");
    let (found_lm, found_balance) = (
        nll(&together, &batch, &device),
        pooled_balance(&together.layers).expect("a loss"),
    );
    assert_close(found_lm.clone(), lm.clone(), ORDER);
    assert_close(found_balance.clone(), balance.clone(), ORDER);

    let expected = gradients(&model, &(lm + balance * ALPHA));
    let found = gradients(&model, &(found_lm + found_balance * ALPHA));
    let routers = expected
        .keys()
        .filter(|path| Qwen2Moe::router_of(path).is_some());
    assert_eq!(routers.count(), 2, "a router a layer");
    for (path, gradient) in found {
        assert_close(
            gradient,
            expected[&path].clone(),
            Tolerance::new(1e-5, 1e-4),
        );
    }
}

#[test]
fn padding_is_neither_routed_nor_counted() {
    let Some(assets) = assets("padding_is_neither_routed_nor_counted") else {
        return;
    };
    let folder = assets.join("golden/tiny_qwen2moe");
    let model = Qwen2Moe::load(&folder, Kept::Stored, &Device::flex()).expect("a model");
    let (batch, _) = arranged(&[vec![Whole(0)], vec![Padding(5), Whole(1)]]);
    assert_eq!((batch.num_real(), batch.num_counted()), (9, 5 + 2));
    let out = forward(&model, &batch);
    for layer in &out.layers {
        // Nine real tokens, two experts each.
        let load: Vec<f32> = layer.rounds[0]
            .routing
            .assignment
            .load(6)
            .into_data()
            .iter()
            .collect();
        assert_eq!(load.iter().sum::<f32>(), 18.0);
        assert_eq!(layer.x_td.dims()[0], 9);
    }
    // What stands at padding changes nothing.
    let mut other = batch.clone();
    other.inputs[7..12].fill(50);
    let again = forward(&model, &other);
    let real = |forward: &LmForward| {
        let rows: Tensor<1, Int> =
            Tensor::from_data([0, 1, 2, 3, 4, 5, 6, 12, 13], &Device::flex());
        forward.logits.clone().select(0, rows).into_data()
    };
    assert_eq!(real(&out), real(&again));
}

#[test]
fn rows_of_texts_are_whole() {
    let ragged = std::panic::catch_unwind(|| RowTexts::of(&[1, 1, 1], 2, &Device::flex()));
    assert!(ragged.is_err());
}
