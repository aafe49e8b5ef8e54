//! Every fast path gives the values and the gradients of its reference.

use burn::tensor::{Device, Int, Tensor, TensorData};
use kernels::{
    combine, combine_reference, expert_load, expert_load_reference, expert_slots,
    expert_slots_reference, gelu, gelu_reference, grouped_matmul, grouped_matmul_reference, pack,
    pack_reference,
};
use proptest::prelude::*;
use testkit::{
    F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, Tolerance, assert_close, assert_same,
    gradient_check, integers, normal, uniform,
};

/// The fast GELU is within 1e-7 of the distribution function, and that is multiplied by inputs of
/// up to 8 here.
const GELU: Tolerance = Tolerance::new(1e-6, 1e-6);

/// A path under test and its oracle take the same device: plain, recording, recomputing.
fn autodiff_devices() -> [Device; 2] {
    [
        Device::flex().autodiff(),
        Device::flex().autodiff().gradient_checkpointing(),
    ]
}

fn on<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), device)
}

fn on_int(tensor: &Tensor<1, Int>, device: &Device) -> Tensor<1, Int> {
    Tensor::from_data(tensor.to_data(), device)
}

fn host(tensor: &Tensor<1, Int>) -> Vec<usize> {
    let data = tensor.to_data();
    data.iter::<i64>().map(|value| value as usize).collect()
}

/// Fills the chosen rows (of the first axis) with something that spoils every sum it enters.
fn poisoned<const D: usize>(x: Tensor<D>, hit: impl Fn(usize) -> bool) -> Tensor<D> {
    let (shape, device) = (x.dims(), x.device());
    let per_row: usize = shape[1..].iter().product();
    let values: Vec<f32> = x
        .into_data()
        .iter::<f32>()
        .enumerate()
        .map(|(place, value)| {
            if hit(place / per_row) {
                f32::NAN
            } else {
                value
            }
        })
        .collect();
    Tensor::from_data(TensorData::new(values, shape), &device)
}

/// The value of an operation, and the gradients of a sum in which every output has its own weight.
struct Outcome<const A: usize, const B: usize> {
    value: Tensor<2>,
    da: Tensor<A>,
    db: Tensor<B>,
}

fn outcome<const A: usize, const B: usize>(
    op: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<2>,
    a: &Tensor<A>,
    b: &Tensor<B>,
    weights: &Tensor<2>,
    device: &Device,
) -> Outcome<A, B> {
    let (leaf_a, leaf_b) = (on(a, device).require_grad(), on(b, device).require_grad());
    // Powers of two change no digits, and with checkpointing these factors are recomputed.
    let value = op(leaf_a.clone() * 2.0, leaf_b.clone() * 0.5);
    let gradients = (value.clone() * on(weights, device)).sum().backward();
    Outcome {
        value: value.without_autodiff(),
        da: leaf_a.grad(&gradients).unwrap_or_else(|| a.zeros_like()),
        db: leaf_b.grad(&gradients).unwrap_or_else(|| b.zeros_like()),
    }
}

/// Holds a fast path against its reference: its value on every kind of device, its gradients with
/// and without checkpointing.
fn agree<const A: usize, const B: usize>(
    fast: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<2>,
    reference: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<2>,
    a: &Tensor<A>,
    b: &Tensor<B>,
    weights: &Tensor<2>,
) {
    let plain = fast(a.clone() * 2.0, b.clone() * 0.5);
    let expected = outcome(reference, a, b, weights, &Device::flex().autodiff());
    assert_close(plain, expected.value.clone(), F32_SUM);
    for device in autodiff_devices() {
        let actual = outcome(&fast, a, b, weights, &device);
        assert_close(actual.value, expected.value.clone(), F32_SUM);
        assert_close(actual.da, expected.da.clone(), F32_SUM);
        assert_close(actual.db, expected.db.clone(), F32_SUM);
    }
}

type GroupedMatmul = fn(Tensor<2>, Tensor<3>, Tensor<1, Int>) -> Tensor<2>;

/// `0, s0, s0 + s1, ...`.
fn offsets(sizes: &[usize]) -> Tensor<1, Int> {
    let mut at = 0;
    let bounds: Vec<i32> = std::iter::once(0)
        .chain(sizes.iter().map(|size| {
            at += *size as i32;
            at
        }))
        .collect();
    Tensor::from_data(TensorData::new(bounds, [sizes.len() + 1]), &Device::flex())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn counts_and_queues(assignments in 1usize..400, experts in 1usize..20, seed in 0u64..1 << 32) {
        let device = Device::flex();
        // Two indices beyond the experts: assignments that were dropped.
        let ids = integers([assignments], experts + 2, seed, &device);
        assert_same(
            expert_load(ids.clone(), experts),
            expert_load_reference(ids.clone(), experts),
        );
        let slots = expert_slots(ids.clone(), experts);
        prop_assert_eq!(host(&slots), host(&expert_slots_reference(ids, experts)));
    }

    #[test]
    fn packing(
        tokens in 1usize..40,
        width in 1usize..24,
        packed in 1usize..200,
        seed in 0u64..1 << 32,
    ) {
        let device = Device::flex();
        let rows = integers([packed], tokens + 1, seed, &device);
        let held = host(&rows);
        let x = poisoned(normal([tokens, width], seed + 1, &device), |t| !held.contains(&t));
        let weights =
            poisoned(normal([packed, width], seed + 2, &device), |m| held[m] == tokens);
        let unused = Tensor::<1>::zeros([1], &device);
        let index = |x: &Tensor<2>| on_int(&rows, &x.device());
        agree(
            |x, _| { let rows = index(&x); pack(x, rows) },
            |x, _| { let rows = index(&x); pack_reference(x, rows) },
            &x,
            &unused,
            &weights,
        );
    }

    #[test]
    fn combining(
        tokens in 1usize..40,
        width in 1usize..24,
        packed in 1usize..200,
        seed in 0u64..1 << 32,
    ) {
        let device = Device::flex();
        let rows = integers([packed], tokens + 1, seed, &device);
        let held = host(&rows);
        let empty = |m: usize| held[m] == tokens;
        let y = poisoned(normal([packed, width], seed + 1, &device), empty);
        let gates = poisoned(uniform([packed], 0.0, 1.0, seed + 2, &device), empty);
        let weights =
            poisoned(normal([tokens, width], seed + 3, &device), |t| !held.contains(&t));
        let index = |y: &Tensor<2>| on_int(&rows, &y.device());
        agree(
            |y, g| { let rows = index(&y); combine(y, rows, g, tokens) },
            |y, g| { let rows = index(&y); combine_reference(y, rows, g, tokens) },
            &y,
            &gates,
            &weights,
        );
    }

    #[test]
    fn grouped_products(
        sizes in prop::collection::vec(prop_oneof![Just(0usize), 0usize..13], 1..10),
        spare in 0usize..4,
        inner in 1usize..20,
        outer in 1usize..20,
        seed in 0u64..1 << 32,
    ) {
        let used: usize = sizes.iter().sum();
        let rows = (used + spare).max(1);
        let device = Device::flex();
        let nobodys = |m: usize| m >= used;
        let x = poisoned(normal([rows, inner], seed, &device), nobodys);
        // The matrix of an expert without rows is never looked at either.
        let w = poisoned(normal([sizes.len(), inner, outer], seed + 1, &device), |e| sizes[e] == 0);
        let weights = poisoned(normal([rows, outer], seed + 2, &device), nobodys);
        let bounds = offsets(&sizes);
        let with = |op: GroupedMatmul| {
            let bounds = bounds.clone();
            move |x: Tensor<2>, w: Tensor<3>| {
                let bounds = on_int(&bounds, &x.device());
                op(x, w, bounds)
            }
        };
        agree(with(grouped_matmul), with(grouped_matmul_reference), &x, &w, &weights);
    }

    #[test]
    fn activation(rows in 1usize..40, width in 1usize..40, seed in 0u64..1 << 32) {
        let device = Device::flex();
        let x = normal([rows, width], seed, &device) * 2.0;
        let weights = normal([rows, width], seed + 1, &device);
        let unused = Tensor::<1>::zeros([1], &device);
        let expected =
            outcome(|x, _| gelu_reference(x), &x, &unused, &weights, &Device::flex().autodiff());
        assert_close(gelu(x.clone() * 2.0), expected.value.clone(), GELU);
        for device in autodiff_devices() {
            let actual = outcome(|x, _| gelu(x), &x, &unused, &weights, &device);
            assert_close(actual.value, expected.value.clone(), GELU);
            assert_close(actual.da, expected.da.clone(), GELU);
        }
    }
}

#[test]
fn a_row_that_holds_no_token_is_zero() {
    let device = Device::flex();
    let x = Tensor::<2>::from_data([[1.0f32, 2.0], [3.0, 4.0]], &device);
    let rows = || Tensor::<1, Int>::from_ints([1, 2, 0, 1], &device);
    let expected =
        Tensor::<2>::from_data([[3.0f32, 4.0], [0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], &device);
    assert_same(pack(x.clone(), rows()), expected.clone());
    assert_same(pack_reference(x, rows()), expected.clone());
    // Token 0: 10 * [1, 2]. Token 1: 1 * [3, 4] + 100 * [3, 4].
    let gates = || Tensor::<1>::from_data([1.0f32, f32::NAN, 10.0, 100.0], &device);
    let sums = Tensor::<2>::from_data([[10.0f32, 20.0], [303.0, 404.0]], &device);
    assert_close(
        combine(expected.clone(), rows(), gates(), 2),
        sums.clone(),
        F32_EXACT_ORDER,
    );
    assert_close(
        combine_reference(expected, rows(), gates(), 2),
        sums,
        F32_EXACT_ORDER,
    );
}

#[test]
fn grouped_products_by_hand() {
    // Rows 0 and 1 are doubled, expert 1 has none, row 2 is negated, row 3 is nobody's.
    let device = Device::flex();
    let x = || Tensor::<2>::from_data([[1.0f32], [2.0], [3.0], [f32::NAN]], &device);
    let w = || Tensor::<3>::from_data([[[2.0f32]], [[f32::NAN]], [[-1.0]]], &device);
    let expected = Tensor::<2>::from_data([[2.0f32], [4.0], [-3.0], [0.0]], &device);
    for op in [grouped_matmul as GroupedMatmul, grouped_matmul_reference] {
        let out = op(x(), w(), offsets(&[2, 0, 1]));
        assert_close(out, expected.clone(), F32_EXACT_ORDER);
    }
}

#[test]
fn nothing_to_do_gives_nothing() {
    let device = Device::flex();
    let none = || Tensor::<1, Int>::from_data(TensorData::new(Vec::<i32>::new(), [0]), &device);
    let x = normal([3, 2], 1, &device);
    assert_eq!(pack(x, none()).dims(), [0, 2]);
    let no_rows = || Tensor::<2>::from_data(TensorData::new(Vec::<f32>::new(), [0, 2]), &device);
    let no_gates = Tensor::<1>::from_data(TensorData::new(Vec::<f32>::new(), [0]), &device);
    assert_same(
        combine(no_rows(), none(), no_gates, 3),
        Tensor::zeros([3, 2], &device),
    );
    let w = normal([2, 2, 5], 2, &device);
    assert_eq!(
        grouped_matmul(no_rows(), w, offsets(&[0, 0])).dims(),
        [0, 5]
    );
    assert_same(expert_load(none(), 2), Tensor::zeros([2], &device));
    assert_eq!(expert_slots(none(), 2).dims(), [0]);
}

#[test]
fn one_tracked_factor_gets_the_gradient_that_it_gets_beside_another() {
    let flex = Device::flex();
    let rows = Tensor::<1, Int>::from_ints([0, 2, 3, 1, 0], &flex);
    let (y, gates) = (normal([5, 4], 1, &flex), normal([5], 2, &flex));
    let (x, w) = (normal([5, 4], 3, &flex), normal([2, 4, 3], 4, &flex));
    let bounds = offsets(&[3, 2]);
    for device in autodiff_devices() {
        let combined = |y, g| combine(y, on_int(&rows, &device), g, 3);
        let weights = normal([3, 4], 5, &flex);
        let both = outcome(combined, &y, &gates, &weights, &device);
        let first = outcome(
            |y, g| combined(y, g.detach()),
            &y,
            &gates,
            &weights,
            &device,
        );
        let second = outcome(
            |y, g| combined(y.detach(), g),
            &y,
            &gates,
            &weights,
            &device,
        );
        assert_same(first.da, both.da);
        assert_same(second.db, both.db);

        let product = |x, w| grouped_matmul(x, w, on_int(&bounds, &device));
        let weights = normal([5, 3], 6, &flex);
        let both = outcome(product, &x, &w, &weights, &device);
        let first = outcome(|x, w| product(x, w.detach()), &x, &w, &weights, &device);
        let second = outcome(|x, w| product(x.detach(), w), &x, &w, &weights, &device);
        assert_same(first.da, both.da);
        assert_same(second.db, both.db);
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let device = Device::flex();
    let rows = |like: &Device| Tensor::<1, Int>::from_ints([0, 2, 3, 2, 1], like);
    let packed = |x: Tensor<2>| {
        let device = x.device();
        (pack(x, rows(&device)) * normal([5, 2], 1, &device)).sum()
    };
    gradient_check(packed, normal([3, 2], 2, &device), 1e-2, FINITE_DIFFERENCE);

    let combined = |y: Tensor<2>, gates: Tensor<1>| {
        let device = y.device();
        (combine(y, rows(&device), gates, 3) * normal([3, 2], 3, &device)).sum()
    };
    let in_rows = |y: Tensor<2>| {
        let gates = normal([5], 4, &y.device());
        combined(y, gates)
    };
    let in_gates = |gates: Tensor<1>| combined(normal([5, 2], 5, &gates.device()), gates);
    gradient_check(in_rows, normal([5, 2], 5, &device), 1e-2, FINITE_DIFFERENCE);
    gradient_check(in_gates, normal([5], 4, &device), 1e-2, FINITE_DIFFERENCE);

    // Expert 1 has no rows, row 5 no expert.
    let product = |x: Tensor<2>, w: Tensor<3>| {
        let device = x.device();
        let bounds = Tensor::<1, Int>::from_ints([0, 2, 2, 5], &device);
        (grouped_matmul(x, w, bounds) * normal([6, 2], 6, &device)).sum()
    };
    let in_rows = |x: Tensor<2>| {
        let w = normal([3, 4, 2], 7, &x.device());
        product(x, w)
    };
    let in_matrices = |w: Tensor<3>| product(normal([6, 4], 8, &w.device()), w);
    gradient_check(in_rows, normal([6, 4], 8, &device), 1e-2, FINITE_DIFFERENCE);
    gradient_check(
        in_matrices,
        normal([3, 4, 2], 7, &device),
        1e-2,
        FINITE_DIFFERENCE,
    );

    let activated = |x: Tensor<2>| {
        let weights = normal([4, 5], 9, &x.device());
        (gelu(x) * weights).sum()
    };
    gradient_check(
        activated,
        normal([4, 5], 10, &device) * 2.0,
        1e-2,
        FINITE_DIFFERENCE,
    );
}
