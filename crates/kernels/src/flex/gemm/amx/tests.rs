//! The matrix unit against products in f64, and against ordinary f32.

use std::mem::MaybeUninit;

use rstest::rstest;

use super::super::{Finish, Map, Product, Threads, View, vectors};
use crate::{Precision, flex::gelu};

/// Numbers in [-1, 1) from a fixed stream.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

fn view(values: &[f32], rows: usize, columns: usize, transposed: bool) -> View<'_> {
    if transposed {
        View::row_major(values, columns, rows).transposed()
    } else {
        View::row_major(values, rows, columns)
    }
}

fn element(view: &View<'_>, row: usize, column: usize) -> f64 {
    let mut near = [0.0];
    let place = row * view.row_stride() + column * view.column_stride();
    view.values().widen(place, &mut near);
    f64::from(near[0])
}

fn on_the_unit(product: &Product<'_>, threads: Threads) -> Vec<f32> {
    let mut out = vec![f32::NAN; product.a.rows() * product.b.columns()];
    super::run(product, out.as_mut_ptr(), false, threads);
    out
}

fn in_vectors(product: &Product<'_>) -> Vec<f32> {
    let mut out = vec![f32::NAN; product.a.rows() * product.b.columns()];
    vectors::run(product, out.as_mut_ptr(), false, Threads::One);
    out
}

/// Largest and root-mean-square error, each relative to the sum of the magnitudes that were added.
fn errors(out: &[f32], a: &View<'_>, b: &View<'_>) -> (f64, f64) {
    let (mut worst, mut squares) = (0.0f64, 0.0);
    for row in 0..a.rows() {
        for column in 0..b.columns() {
            let (mut exact, mut size) = (0.0, f64::MIN_POSITIVE);
            for depth in 0..a.columns() {
                let term = element(a, row, depth) * element(b, depth, column);
                exact += term;
                size += term.abs();
            }
            let error = (f64::from(out[row * b.columns() + column]) - exact).abs() / size;
            worst = worst.max(error);
            squares += error * error;
        }
    }
    (worst, (squares / out.len() as f64).sqrt())
}

/// Without the unit there is nothing to test: everything runs on the other path.
fn unit_is_missing() -> bool {
    !super::available()
}

const SHAPES: [(usize, usize, usize); 8] = [
    (1, 1, 1),
    (5, 7, 3),
    (33, 65, 31),
    (64, 64, 64),
    (40, 100, 257),
    (300, 40, 600),
    (17, 1030, 33),
    (256, 129, 1025),
];

#[rstest]
fn f32_is_as_accurate_as_f32(#[values(false, true)] ta: bool, #[values(false, true)] tb: bool) {
    if unit_is_missing() {
        return;
    }
    for (rows, columns, depth) in SHAPES {
        let (left, right) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
        let (a, b) = (
            view(&left, rows, depth, ta),
            view(&right, depth, columns, tb),
        );
        let product = Product::new(a, b);
        let (worst, mean) = errors(&on_the_unit(&product, Threads::All), &a, &b);
        let (_, usual) = errors(&in_vectors(&product), &a, &b);
        // What is left out, 2^-23 at the worst, and some roundings of 2^-24; in the mean no more than the ordinary product,
        // which for a handful of terms rounds less often.
        assert!(worst < 3e-7, "{rows} x {columns} x {depth}: {worst:e}");
        assert!(
            depth < 32 || mean <= usual,
            "{rows} x {columns} x {depth}: {mean:e} against {usual:e}"
        );
    }
}

#[rstest]
fn bf16_rounds_its_factors(#[values(false, true)] ta: bool, #[values(false, true)] tb: bool) {
    if unit_is_missing() {
        return;
    }
    let round = |values: &[f32]| -> Vec<f32> {
        let nearest = |x: f32| {
            let bits = x.to_bits();
            f32::from_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000)
        };
        values.iter().map(|&x| nearest(x)).collect()
    };
    for (rows, columns, depth) in SHAPES {
        let (left, right) = (numbers(rows * depth, 3), numbers(depth * columns, 4));
        let product = Product::new(
            view(&left, rows, depth, ta),
            view(&right, depth, columns, tb),
        );
        let out = on_the_unit(&product.precision(Precision::BF16), Threads::All);
        let (left, right) = (round(&left), round(&right));
        let (a, b) = (
            view(&left, rows, depth, ta),
            view(&right, depth, columns, tb),
        );
        let (worst, _) = errors(&out, &a, &b);
        assert!(worst < 3e-7, "{rows} x {columns} x {depth}: {worst:e}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    if unit_is_missing() {
        return;
    }
    let (left, right) = (numbers(700 * 300, 5), numbers(300 * 90, 6));
    let product = Product::new(
        View::row_major(&left[..], 700, 300),
        View::row_major(&right[..], 300, 90),
    );
    assert_eq!(
        on_the_unit(&product, Threads::One),
        on_the_unit(&product, Threads::All)
    );
}

#[rstest]
fn maps_and_finishes_like_the_other_path(#[values(false, true)] ta: bool) {
    if unit_is_missing() {
        return;
    }
    let (rows, columns, depth) = (70, 45, 530);
    let (left, right) = (numbers(rows * depth, 7), numbers(depth * columns, 8));
    let (bias, before) = (numbers(columns, 9), numbers(rows * columns, 10));
    let plain = Product::new(
        view(&left, rows, depth, ta),
        View::row_major(&right[..], depth, columns),
    )
    .map(Map::Gelu);
    for finish in [
        Finish::Nothing,
        Finish::Bias(&bias),
        Finish::GeluSlope(&before),
    ] {
        let product = plain.finish(finish);
        let (unit, vectors) = (on_the_unit(&product, Threads::One), in_vectors(&product));
        for (got, expected) in unit.iter().zip(&vectors) {
            assert!((got - expected).abs() < 2e-5, "{got} and {expected}");
        }
    }
}

#[test]
fn a_finish_by_hand() {
    // One element: gelu(1) * 2 + 3, and gelu(1) * 2 * gelu'(0).
    let (one, two, three, zero) = ([1.0], [2.0], [3.0], [0.0]);
    let product = Product::new(
        View::row_major(&one[..], 1, 1),
        View::row_major(&two[..], 1, 1),
    );
    let run = |product: Product<'_>| {
        let mut out = [MaybeUninit::new(f32::NAN)];
        product.write(&mut out, Threads::One);
        let mut sum = [10.0];
        Product::new(
            View::row_major(&one[..], 1, 1),
            View::row_major(&two[..], 1, 1),
        )
        .add(&mut sum, Threads::One);
        assert_eq!(sum, [12.0]);
        // SAFETY: the product has written its only element.
        #[expect(unsafe_code, reason = "reads what was written")]
        unsafe {
            out[0].assume_init()
        }
    };
    let mut activated = [0.0];
    gelu::write(&one, &mut activated);
    assert_eq!(run(product.finish(Finish::Bias(&three))), 5.0);
    assert_eq!(run(product.finish(Finish::GeluSlope(&zero))), 1.0);
    let mapped = run(product.map(Map::Gelu));
    assert!((mapped - 2.0 * activated[0]).abs() < 1e-6);
}

#[rstest]
fn what_is_no_number_stays_where_it_was(
    #[values(f32::NAN, f32::INFINITY, f32::from_bits(0x7fff_ffff))] poison: f32,
    #[values(false, true)] transposed: bool,
) {
    if unit_is_missing() {
        return;
    }
    let (rows, depth, columns) = (40, 50, 60);
    let mut left = numbers(rows * depth, 11);
    left[if transposed {
        7 * rows + 3
    } else {
        3 * depth + 7
    }] = poison;
    let right = numbers(depth * columns, 12);
    let product = Product::new(
        view(&left, rows, depth, transposed),
        View::row_major(&right[..], depth, columns),
    );
    let out = on_the_unit(&product, Threads::One);
    for (row, values) in out.chunks(columns).enumerate() {
        assert!(values.iter().all(|x| x.is_finite() == (row != 3)), "{row}");
    }
}

#[rstest]
fn writing_past_the_caches_writes_the_same(
    #[values(32, 64, 80, 100)] columns: usize,
    #[values(0, 1)] from_a_line: usize,
    #[values(90, 300)] depth: usize,
) {
    if unit_is_missing() {
        return;
    }
    let rows = 70;
    let (left, right) = (numbers(rows * depth, 13), numbers(depth * columns, 14));
    let bias = numbers(columns, 15);
    let product = Product::new(
        View::row_major(&left[..], rows, depth),
        View::row_major(&right[..], depth, columns),
    )
    .finish(Finish::Bias(&bias));
    let expected = on_the_unit(&product, Threads::One);
    // Room to begin at a line of the cache or beside one, and to see what was written outside.
    let mut room = vec![f32::NAN; rows * columns + 33];
    let first = room.as_ptr().align_offset(64) + from_a_line;
    super::run(
        &product.part_of(usize::MAX),
        room[first..].as_mut_ptr(),
        false,
        Threads::All,
    );
    let (before, out) = room.split_at(first);
    let (out, after) = out.split_at(rows * columns);
    assert_eq!(out, expected);
    assert!(before.iter().chain(after).all(|x| x.is_nan()));
}
