//! The encoder against the same equations in loops over f64 numbers.

mod common;

use std::{collections::BTreeMap, f64::consts::SQRT_2};

use burn::tensor::{Device, Int, Tensor, TensorData};
use common::{ALL_HEADS, Folder, random_tensors, small_config, values};
use kernels::Precision;
use models_bert::{Bert, BertConfig, BertInput};
use testkit::{F32_SUM, assert_close};

type Rows = Vec<Vec<f64>>;

/// The stored tensors as numbers, and the sizes.
struct Plain {
    config: BertConfig,
    tensors: BTreeMap<String, Vec<f64>>,
}

impl Plain {
    /// Row `at` of a stored table.
    fn row(&self, name: &str, at: usize) -> &[f64] {
        let width = self.config.hidden_size;
        &self.tensors[name][at * width..(at + 1) * width]
    }

    /// `W x + b`, `W` as stored: `[out, in]`.
    fn affine(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = &self.tensors[&format!("{name}.weight")];
        let bias = &self.tensors[&format!("{name}.bias")];
        let rows = weight.chunks(x.len());
        rows.zip(bias).map(|(row, b)| dot(row, x) + b).collect()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let gamma = &self.tensors[&format!("{name}.weight")];
        let beta = &self.tensors[&format!("{name}.bias")];
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let deviation = (variance + self.config.layer_norm_eps).sqrt();
        let scaled = x.iter().zip(gamma).zip(beta);
        scaled
            .map(|((v, g), b)| (v - mean) / deviation * g + b)
            .collect()
    }

    /// The hidden states of one sequence.
    fn hidden(&self, ids: &[usize], mask: &[bool], types: &[usize]) -> Vec<Rows> {
        let embed = |place: usize| {
            let word = self.row("embeddings.word_embeddings.weight", ids[place]);
            let position = self.row("embeddings.position_embeddings.weight", place);
            let kind = self.row("embeddings.token_type_embeddings.weight", types[place]);
            let sum = add(&add(word, position), kind);
            self.norm("embeddings.LayerNorm", &sum)
        };
        let mut taps = vec![(0..ids.len()).map(embed).collect::<Rows>()];
        for layer in 0..self.config.num_hidden_layers {
            let name = format!("encoder.layer.{layer}");
            let x = taps.last().expect("a hidden state");
            let mixed = self.attention(&format!("{name}.attention"), x, mask);
            let token = |(x, mixed): (&Vec<f64>, &Vec<f64>)| {
                let a = self.norm(
                    &format!("{name}.attention.output.LayerNorm"),
                    &add(x, mixed),
                );
                let inner = self.affine(&format!("{name}.intermediate.dense"), &a);
                let inner: Vec<f64> = inner.into_iter().map(gelu).collect();
                let y = self.affine(&format!("{name}.output.dense"), &inner);
                self.norm(&format!("{name}.output.LayerNorm"), &add(&a, &y))
            };
            let next = x.iter().zip(&mixed).map(token).collect();
            taps.push(next);
        }
        taps
    }

    fn attention(&self, name: &str, x: &Rows, mask: &[bool]) -> Rows {
        let map = |part: &str| -> Rows {
            let name = format!("{name}.self.{part}");
            x.iter().map(|x| self.affine(&name, x)).collect()
        };
        let (query, key, value) = (map("query"), map("key"), map("value"));
        let heads = self.config.num_attention_heads;
        let width = self.config.hidden_size / heads;
        let of_token = |query: &Vec<f64>| {
            let mut mixed = Vec::new();
            for head in 0..heads {
                let part = head * width..(head + 1) * width;
                let weight = |(key, real): (&Vec<f64>, &bool)| {
                    let score = dot(&query[part.clone()], &key[part.clone()]);
                    if *real {
                        (score / (width as f64).sqrt()).exp()
                    } else {
                        0.0
                    }
                };
                let weights: Vec<f64> = key.iter().zip(mask).map(weight).collect();
                let total: f64 = weights.iter().sum();
                mixed.extend(part.clone().map(|column| {
                    let terms = weights.iter().zip(&value);
                    terms.map(|(w, value)| w * value[column]).sum::<f64>() / total
                }));
            }
            self.affine(&format!("{name}.output.dense"), &mixed)
        };
        query.iter().map(of_token).collect()
    }

    fn masked_lm(&self, x: &[f64]) -> Vec<f64> {
        let x = self.affine("cls.predictions.transform.dense", x);
        let x: Vec<f64> = x.into_iter().map(gelu).collect();
        let x = self.norm("cls.predictions.transform.LayerNorm", &x);
        let bias = &self.tensors["cls.predictions.bias"];
        let logit = |id: usize| dot(self.row("embeddings.word_embeddings.weight", id), &x);
        (0..bias.len()).map(|id| logit(id) + bias[id]).collect()
    }

    fn pooled(&self, x: &[f64]) -> Vec<f64> {
        let mapped = self.affine("pooler.dense", x);
        mapped.into_iter().map(f64::tanh).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// `x / 2 * (1 + erf(x / sqrt 2))`.
fn gelu(x: f64) -> f64 {
    x / 2.0 * (1.0 + erf(x / SQRT_2))
}

/// The Taylor series, whose terms at 4 stay below 1e6 and so lose less than 1e-9; beyond, it is 1 to
/// within 2e-8.
fn erf(x: f64) -> f64 {
    if x.abs() > 4.0 {
        return x.signum();
    }
    let mut term = x;
    let mut sum = x;
    for n in 1..120 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn tensor<const D: usize>(
    rows: impl IntoIterator<Item = Vec<f64>>,
    shape: [usize; D],
) -> Tensor<D> {
    let numbers: Vec<f32> = rows.into_iter().flatten().map(|v| v as f32).collect();
    Tensor::from_data(TensorData::new(numbers, shape), &Device::flex())
}

#[test]
fn erf_has_its_tabulated_values() {
    for (x, value) in [
        (0.5, 0.520_499_877_8),
        (1.0, 0.842_700_792_9),
        (-2.0, -0.995_322_265),
    ] {
        assert!((erf(x) - value).abs() < 1e-9, "{x}");
    }
}

#[test]
fn the_encoder_computes_its_equations() {
    let config = small_config();
    let stored = random_tensors(&config, ALL_HEADS, 9);
    let folder = Folder::with(&config, &stored);
    let device = Device::flex();
    let bert = Bert::load(folder.path(), &device).expect("a model");
    let plain = Plain {
        config,
        tensors: stored
            .iter()
            .map(|(name, raw)| {
                (
                    name.clone(),
                    values(raw).into_iter().map(f64::from).collect(),
                )
            })
            .collect(),
    };

    let ids = [[3usize, 1, 10, 7, 0], [2, 5, 6, 9, 4]];
    let mask = [
        [true, true, true, true, false],
        [true, true, false, false, false],
    ];
    let types = [[0usize, 0, 1, 1, 0], [1, 0, 1, 0, 1]];
    let ints = |rows: [[usize; 5]; 2]| {
        Tensor::<2, Int>::from_ints(rows.map(|row| row.map(|id| id as i32)), &device)
    };
    let mut input = BertInput::new(ints(ids), Tensor::from_bool(mask, &device));
    input.types_bs = Some(ints(types));
    let out = bert.forward(&input).expect("a pass");

    let sequences: Vec<Vec<Rows>> = (0..2)
        .map(|row| plain.hidden(&ids[row], &mask[row], &types[row]))
        .collect();
    for (tap, hidden) in out.hidden.iter().enumerate() {
        let rows = sequences.iter().flat_map(|taps| taps[tap].clone());
        assert_close(hidden.clone(), tensor(rows, [2, 5, 8]), F32_SUM);
    }
    let last = || sequences.iter().map(|taps| &taps[2]);
    let logits = last().flatten().map(|x| plain.masked_lm(x));
    let precision = Precision::F32;
    let found = bert
        .masked_lm_logits(out.last(), precision)
        .expect("a head");
    assert_close(found, tensor(logits, [2, 5, 11]), F32_SUM);
    let pooled: Rows = last().map(|rows| plain.pooled(&rows[0])).collect();
    let found = bert.pooled(out.last(), precision).expect("a pooler");
    assert_close(found.clone(), tensor(pooled.clone(), [2, 8]), F32_SUM);
    let next = pooled
        .iter()
        .map(|x| plain.affine("cls.seq_relationship", x));
    let found = bert.next_sentence_logits(found, precision).expect("a head");
    assert_close(found, tensor(next, [2, 2]), F32_SUM);
}
