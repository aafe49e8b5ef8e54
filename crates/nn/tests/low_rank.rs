//! Low-rank deltas: what they compute, their gradients, into a weight and out again.

use burn::{
    module::Module,
    tensor::{Bool, DType, Device, FloatDType, Tensor},
};
use kernels::{Activation, Int4, Int4Parts, Precision};
use nn::{GroupedLinear, Linear, LowRank, LowRankConfig, LowRankInit, Manner, Weight};
use rstest::rstest;
use testkit::{
    BF16, F32_EXACT_ORDER, F32_SUM, FINITE_DIFFERENCE, Tolerance, assert_close, assert_same,
    gradient_check, integers, normal, uniform,
};

const SETTINGS: LowRankConfig = LowRankConfig {
    rank: 2,
    scale: 0.5,
    dropout: 0.0,
    init: LowRankInit::Random,
    place: 7,
};

/// Matrices of 16 inputs and 8 outputs in four bits, in two groups.
fn int4(experts: usize, device: &Device) -> Int4 {
    Int4::new(Int4Parts {
        words_ein: integers([experts, 2, 8], 1 << 31, 1, device),
        scales_egn: uniform([experts, 2, 8], 0.05, 0.1, 2, device),
        zeros_egn: Tensor::full([1, 1, 1], 8.0, device),
        groups_ek: integers([1, 16], 2, 3, device),
    })
}

/// The forms of a base.
#[derive(Debug, Clone, Copy)]
enum Base {
    F32,
    F16,
    Int4,
}

impl Base {
    fn one(self, device: &Device) -> Linear {
        let dense = normal([16, 8], 4, device);
        let weight: Weight<2> = match self {
            Self::F32 => dense.into(),
            Self::F16 => dense.cast(FloatDType::F16).into(),
            Self::Int4 => Weight::Int4(int4(1, device)),
        };
        Linear::from_tensors(weight, None).no_grad()
    }

    fn experts(self, device: &Device) -> GroupedLinear {
        let dense = normal([3, 16, 8], 4, device);
        let weight: Weight<3> = match self {
            Self::F32 => dense.into(),
            Self::F16 => dense.cast(FloatDType::F16).into(),
            Self::Int4 => Weight::Int4(int4(3, device)),
        };
        GroupedLinear::from_tensors(weight, None).no_grad()
    }
}

#[test]
fn a_delta_by_hand() {
    let device = Device::flex();
    // x = [1, 2], W = [[1, 0], [0, 1]], b = [10, 20], A = [[1], [3]], B = [[2, -1]], s = 0.5:
    // x A = 7, times s 3.5, times B [7, -3.5]; y = [1, 2] + [10, 20] + [7, -3.5].
    let weight = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0]], &device);
    let bias = Tensor::<1>::from_floats([10.0, 20.0], &device);
    let mut map = Linear::from_tensors(weight, Some(bias));
    let a = Tensor::<2>::from_floats([[1.0], [3.0]], &device);
    let b = Tensor::<2>::from_floats([[2.0, -1.0]], &device);
    let delta = LowRank::from_tensors(
        a,
        b,
        &LowRankConfig {
            rank: 1,
            ..SETTINGS
        },
    );
    assert_eq!((delta.rank(), delta.dims()), (1, [2, 2]));
    // s A B = 0.5 [[2, -1], [6, -3]].
    let product = [[1.0, -0.5], [3.0, -1.5]];
    assert_close(
        delta.product(),
        Tensor::from_floats(product, &device),
        F32_EXACT_ORDER,
    );
    map.delta = Some(delta);
    let x = Tensor::<2>::from_floats([[1.0, 2.0]], &device);
    let expected = Tensor::from_floats([[18.0, 18.5]], &device);
    assert_close(
        map.forward(x.clone(), Precision::F32),
        expected,
        F32_EXACT_ORDER,
    );
    // Behind an activation the delta reads what the map reads: gelu(-100) = 0 and gelu(2) = 1.9544997.
    let x = Tensor::<2>::from_floats([[-100.0, 2.0]], &device);
    let read = 1.954_499_7_f32;
    // x A = 3 read, B s gives [3 read, -1.5 read].
    let expected = Tensor::from_floats([[10.0 + 3.0 * read, 20.0 + read - 1.5 * read]], &device);
    let y = map.forward_after(Activation::Gelu, x, Precision::F32);
    assert_close(y, expected, F32_SUM);
}

#[test]
fn scales_are_pefts() {
    // r = 4, alpha = 8: 8 / 4 and 8 / sqrt(4).
    assert_eq!(
        LowRankConfig::scale(8.0, 4, false).to_bits(),
        2f64.to_bits()
    );
    assert_eq!(LowRankConfig::scale(8.0, 4, true).to_bits(), 4f64.to_bits());
}

#[rstest]
fn starts_are_pefts(
    #[values(LowRankInit::Kaiming, LowRankInit::Gaussian, LowRankInit::Random)] init: LowRankInit,
) {
    let device = Device::flex();
    let settings = LowRankConfig {
        rank: 16,
        init,
        ..SETTINGS
    };
    let delta = LowRank::init([64, 100], &settings, &device);
    let largest = |matrix: Tensor<2>| matrix.abs().max().into_scalar::<f32>();
    let std = |matrix: Tensor<2>| matrix.square().mean().sqrt().into_scalar::<f32>();
    let (a, b) = (delta.a(), delta.b());
    assert_eq!((a.dims(), b.dims()), ([64, 16], [16, 100]));
    match init {
        // U(-1/8, 1/8), of standard deviation 0.125 / sqrt(3) = 0.0722; 1024 numbers vary by 2 %.
        LowRankInit::Kaiming | LowRankInit::Random => {
            assert!(largest(a.clone()) <= 0.125, "{}", largest(a));
            assert!((std(a.clone()) - 0.0722).abs() < 0.006, "{}", std(a));
        }
        // Of standard deviation 1/16; it varies by 2.2 %.
        LowRankInit::Gaussian => assert!((std(a.clone()) - 0.0625).abs() < 0.006, "{}", std(a)),
    }
    if init == LowRankInit::Random {
        // U(-1/4, 1/4).
        assert!(largest(b.clone()) <= 0.25 && largest(b) > 0.2);
    } else {
        assert_same(b.clone(), b.zeros_like());
    }
}

#[rstest]
fn gradients_of_a_and_b(#[values(Base::F32, Base::F16, Base::Int4)] base: Base) {
    let device = Device::flex();
    let (x, weights) = (normal([5, 16], 1, &device), normal([5, 8], 2, &device));
    let (a, b) = (
        normal([16, 2], 5, &device) * 0.2,
        normal([2, 8], 6, &device) * 0.2,
    );
    let loss = |x: &Tensor<2>, a: &Tensor<2>, b: &Tensor<2>| {
        let tracked = [x, a, b].iter().any(|tensor| tensor.device().is_autodiff());
        let place = |tensor: &Tensor<2>| {
            if tracked && !tensor.device().is_autodiff() {
                tensor.clone().autodiff()
            } else {
                tensor.clone()
            }
        };
        let x = place(x);
        let mut map = base.one(&x.device());
        map.delta = Some(LowRank::from_tensors(place(a), place(b), &SETTINGS));
        let y = map.forward(x, Precision::F32);
        (y * place(&weights)).sum()
    };
    let (of_a, of_b) = with_parameters(base, &x, &a, &b, &weights);
    let numeric_a = testkit::finite_difference(
        |a| f64::from(loss(&x, &a, &b).into_scalar::<f32>()),
        a.clone(),
        1e-2,
    );
    let numeric_b = testkit::finite_difference(
        |b| f64::from(loss(&x, &a, &b).into_scalar::<f32>()),
        b.clone(),
        1e-2,
    );
    assert_close(of_a, numeric_a, FINITE_DIFFERENCE);
    assert_close(of_b, numeric_b, FINITE_DIFFERENCE);
    // Into what it reads too.
    if !matches!(base, Base::F16) {
        let tolerance = FINITE_DIFFERENCE;
        gradient_check(|x: Tensor<2>| loss(&x, &a, &b), x.clone(), 1e-2, tolerance);
    }
}

/// The gradients of A and B by automatic differentiation.
fn with_parameters(
    base: Base,
    x: &Tensor<2>,
    a: &Tensor<2>,
    b: &Tensor<2>,
    weights: &Tensor<2>,
) -> (Tensor<2>, Tensor<2>) {
    let device = Device::flex().autodiff();
    let mut map = base.one(&device);
    let (a, b) = (a.clone().autodiff(), b.clone().autodiff());
    map.delta = Some(LowRank::from_tensors(a, b, &SETTINGS));
    let y = map.forward(x.clone().autodiff(), Precision::F32);
    let gradients = (y * weights.clone().autodiff()).sum().backward();
    let delta = map.delta.as_ref().expect("a delta");
    // The base is frozen.
    if let Weight::Dense(weight) = &map.weight {
        assert!(weight.val().grad(&gradients).is_none());
    }
    (
        delta.a().grad(&gradients).expect("of A"),
        delta.b().grad(&gradients).expect("of B"),
    )
}

#[rstest]
fn experts_are_computed_as_each_by_itself(#[values(Base::F32, Base::F16, Base::Int4)] base: Base) {
    let device = Device::flex().autodiff();
    let mut maps = base.experts(&device);
    let plain = maps.clone();
    maps.delta = Some(LowRank::init([3, 16, 8], &SETTINGS, &device));
    let delta = maps.delta.clone().expect("a delta");
    let x_eci = normal([3, 4, 16], 6, &device);
    // E separate deltas beside the base.
    let x_times_ab = (x_eci.clone().matmul(delta.a())).matmul(delta.b()) * 0.5;
    let expected =
        plain.forward_batched(x_eci.clone(), Activation::Identity, Precision::F32) + x_times_ab;
    let batched = maps.forward_batched(x_eci.clone(), Activation::Identity, Precision::F32);
    let tolerance = match base {
        Base::F32 | Base::Int4 => F32_SUM,
        Base::F16 => BF16,
    };
    assert_close(batched.clone(), expected, tolerance);
    // Of unequal numbers of rows, the second expert without any.
    let offsets = Tensor::from_ints([0, 4, 4, 8], &device);
    let first_and_last = [0, 2].map(|e| x_eci.clone().narrow(0, e, 1).squeeze_dim::<2>(0));
    let rows = Tensor::cat(first_and_last.to_vec(), 0);
    let sorted = maps.forward_sorted(rows, offsets, Activation::Identity, Precision::F32);
    let own = [0, 2].map(|e| batched.clone().narrow(0, e, 1).squeeze_dim::<2>(0));
    assert_close(sorted.clone(), Tensor::cat(own.to_vec(), 0), F32_SUM);
    // The expert without rows has a gradient of zeros, the others' flow.
    let gradients = sorted.sum().backward();
    let of_a = delta.a().grad(&gradients).expect("of A");
    let sums = of_a.abs().sum_dim(2).sum_dim(1).reshape([3]).into_data();
    let sums: Vec<f32> = sums.iter::<f32>().collect();
    assert!(sums[0] > 0.0 && sums[1] == 0.0 && sums[2] > 0.0, "{sums:?}");
    // Off the graph, the delta stays.
    let frozen = maps
        .frozen()
        .forward_batched(x_eci, Activation::Identity, Precision::F32);
    assert_close(frozen, batched, F32_EXACT_ORDER);
}

#[test]
fn only_the_delta_is_seen_by_an_optimiser() {
    let device = Device::flex().autodiff();
    let mut map = nn::LinearDims::new(16, 8).init(&device).no_grad();
    assert_eq!(testkit::learned_params(&map), 0);
    map.delta = Some(LowRank::init([16, 8], &SETTINGS, &device));
    // 16 x 2 and 2 x 8.
    assert_eq!(testkit::learned_params(&map), 48);
    assert_eq!(map.num_params(), 16 * 8 + 8 + 48);
    // Through an evaluation and back.
    assert_eq!(testkit::learned_params(&map.valid().train()), 48);
}

#[test]
fn dropout_is_of_the_pass_and_in_training_alone() {
    let device = Device::flex().autodiff();
    let mut map = Base::F32.one(&device);
    let plain = map.clone();
    let with = |place| {
        let settings = LowRankConfig {
            dropout: 0.5,
            place,
            ..SETTINGS
        };
        LowRank::init([16, 8], &settings, &device)
    };
    map.delta = Some(with(0));
    let x = Tensor::<2>::ones([64, 16], &device);
    let pass = |map: &Linear, seed: Option<u64>| {
        let manner = Manner {
            precision: Precision::F32,
            dropout_seed: seed,
        };
        map.forward(x.clone(), manner) - plain.forward(x.clone(), Precision::F32)
    };
    let same = |a: &Tensor<2>, b: &Tensor<2>| {
        let equal: Tensor<2, Bool> = a.clone().equal(b.clone());
        equal.all().into_scalar::<bool>()
    };
    let kept = pass(&map, None);
    let one = pass(&map, Some(1));
    assert_same(
        one.clone().without_autodiff(),
        pass(&map, Some(1)).without_autodiff(),
    );
    assert!(!same(&one, &pass(&map, Some(2))));
    assert!(!same(&one, &kept));
    // Half of 64 x 16 values are kept and doubled: the mean over rows stays, within four standard errors of
    // the values that A B makes of them, sqrt(sum (A B)^2 / 64).
    let delta = map.delta.as_ref().expect("a delta");
    let errors = (delta.product().square().sum_dim(0) / 64.0).sqrt();
    let moved = (one.mean_dim(0) - kept.clone().mean_dim(0)).abs();
    let within = moved.lower_equal(errors * 4.0 + 1e-6);
    assert!(within.all().into_scalar::<bool>());
    // Another place draws apart from the same seed.
    let mut other = map.clone();
    let settings = LowRankConfig {
        dropout: 0.5,
        place: 1,
        ..SETTINGS
    };
    other.delta = Some(LowRank::from_tensors(delta.a(), delta.b(), &settings));
    assert!(!same(&pass(&map, Some(1)), &pass(&other, Some(1))));
    // An evaluation drops nothing, seed or not.
    let evaluated = map.valid();
    let x = x.without_autodiff();
    let manner = Manner {
        precision: Precision::F32,
        dropout_seed: Some(1),
    };
    assert_same(
        evaluated.forward(x.clone(), manner),
        evaluated.forward(x, Precision::F32),
    );
}

#[rstest]
#[case::f32(Base::F32, F32_SUM)]
#[case::f16(Base::F16, BF16)]
fn a_merged_map_computes_the_same(#[case] base: Base, #[case] tolerance: Tolerance) {
    let device = Device::flex();
    let mut map = base.one(&device);
    assert!(map.merge().is_none());
    let before = map.weight.val();
    map.delta = Some(LowRank::init([16, 8], &SETTINGS, &device));
    let x = normal([4, 16], 9, &device);
    let expected = map.forward(x.clone(), Precision::F32);
    let delta = map.merge().expect("a delta");
    assert!(map.delta.is_none());
    assert_eq!(map.weight.val().dtype(), before.dtype());
    assert_close(map.forward(x, Precision::F32), expected, tolerance);
    map.unmerge(delta);
    assert!(map.delta.is_some());
    let exact = |weight: Tensor<2>| weight.cast(FloatDType::F32);
    assert_close(exact(map.weight.val()), exact(before.clone()), tolerance);
    if matches!(base, Base::F16) {
        assert_eq!(before.dtype(), DType::F16);
    }

    let mut maps = base.experts(&device);
    let before = maps.weight.val().cast(FloatDType::F32);
    maps.delta = Some(LowRank::init([3, 16, 8], &SETTINGS, &device));
    let x = normal([3, 4, 16], 10, &device);
    let forward = |maps: &GroupedLinear| {
        maps.forward_batched(x.clone(), Activation::Identity, Precision::F32)
    };
    let expected = forward(&maps);
    let delta = maps.merge().expect("a delta");
    assert_close(forward(&maps), expected, tolerance);
    maps.unmerge(delta);
    assert_close(maps.weight.val().cast(FloatDType::F32), before, tolerance);
}

#[test]
#[should_panic(expected = "four bits")]
fn four_bits_take_no_delta_up() {
    let device = Device::flex();
    let mut map = Base::Int4.one(&device);
    map.delta = Some(LowRank::init([16, 8], &SETTINGS, &device));
    let _ = map.merge();
}
