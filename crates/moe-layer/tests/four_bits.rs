//! What a pass through the experts of a full-size layer in four bits asks memory for, there and back: no
//! matrix is widened, and nothing of one is kept. A test program of its own, since it counts what all threads
//! ask for.

#![expect(clippy::print_stdout, reason = "figures to read with --show-output")]

use burn::tensor::{Device, Tensor, TensorData};
use kernels::{Int4, Int4Parts, Precision};
use moe_layer::{ExpertBank, ExpertKind};
use nn::{Activation, GroupedLinear, Weight};
use testkit::{Allocations, Generator, normal};

#[global_allocator]
static ALLOCATIONS: Allocations = Allocations::new();

/// E, D, F and the inputs of a group: those of Qwen1.5-MoE-A2.7B.
const EXPERTS: usize = 60;
const WIDTH: usize = 2048;
const HIDDEN: usize = 1408;
const GROUP: usize = 128;

/// Rows that the experts have together: 512 tokens, four experts each.
const ROWS: usize = 2048;

/// Bytes of what experts make of their rows, in f32: three times F numbers and as many gradients, and D.
const ACTIVATIONS: usize = 4 * ROWS * (8 * HIDDEN + 4 * WIDTH);

/// Bytes of one stack of matrices in f32.
const WIDENED: usize = 4 * EXPERTS * WIDTH * HIDDEN;

/// Random matrices of standard deviation `1 / sqrt(inputs)`, a little over.
fn matrices(inputs: usize, outputs: usize, seed: u64, device: &Device) -> GroupedLinear {
    let mut generator = Generator::new(seed);
    let words: Vec<i32> = (0..EXPERTS * inputs / 8 * outputs)
        .map(|_| generator.next_u64() as i32)
        .collect();
    let groups: Vec<i32> = (0..inputs).map(|input| (input / GROUP) as i32).collect();
    let scale = 0.2 / (inputs as f64).sqrt();
    GroupedLinear::from_tensors(
        Weight::Int4(Int4::new(Int4Parts {
            words_ein: Tensor::from_data(
                TensorData::new(words, [EXPERTS, inputs / 8, outputs]),
                device,
            ),
            scales_egn: Tensor::full([EXPERTS, inputs / GROUP, outputs], scale, device),
            zeros_egn: Tensor::full([1, 1, 1], 8.0, device),
            groups_ek: Tensor::from_data(TensorData::new(groups, [1, inputs]), device),
        })),
        None,
    )
}

#[test]
fn a_full_size_layer_keeps_nothing_widened() {
    let device = Device::flex().autodiff();
    let experts = ExpertBank::from_maps(
        ExpertKind::Gated(Activation::Silu),
        Some(matrices(WIDTH, HIDDEN, 1, &device)),
        matrices(WIDTH, HIDDEN, 2, &device),
        matrices(HIDDEN, WIDTH, 3, &device),
    );
    let bounds: Vec<i32> = (0..=EXPERTS)
        .map(|expert| (expert * ROWS / EXPERTS) as i32)
        .collect();
    let offsets = Tensor::from_data(TensorData::new(bounds, [EXPERTS + 1]), &device);
    let x_md = normal([ROWS, WIDTH], 4, &device).require_grad();
    let (dx, seen) = ALLOCATIONS.of(|| {
        let y_md = experts.forward_sorted(x_md.clone(), offsets, Precision::F32);
        let gradients = y_md.sum().backward();
        x_md.grad(&gradients).expect("a gradient")
    });
    let spread = dx.powf_scalar(2.0).mean().into_scalar::<f32>();
    assert!(spread > 0.0 && spread.is_finite(), "{spread}");
    println!(
        "full-size experts, {ROWS} rows, there and back: {seen:?} beside words, {WIDENED} widened"
    );
    assert!(seen.largest <= 4 * ROWS * WIDTH, "{seen:?}");
    assert!(
        seen.peak <= ACTIVATIONS + (16 << 20),
        "{seen:?}, {ACTIVATIONS}"
    );
    const { assert!(ACTIVATIONS + (16 << 20) < WIDENED / 3) };
}
