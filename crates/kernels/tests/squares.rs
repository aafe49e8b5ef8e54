//! The sum of squares: the fast path against its reference.

use burn::tensor::{Device, Tensor};
use kernels::{sum_of_squares, sum_of_squares_reference};
use proptest::prelude::*;
use testkit::{F32_SUM, assert_close, assert_same, normal};

#[test]
fn by_hand() {
    let x = Tensor::<2>::from_data([[3.0f32, 0.0, 4.0], [0.0, -12.0, 0.0]], &Device::flex());
    for op in [sum_of_squares::<2>, sum_of_squares_reference::<2>] {
        let sum = op(x.clone()).into_data();
        assert_eq!(sum.as_slice::<f32>().unwrap(), [169.0]);
        // A view has the numbers of the view alone.
        let column = op(x.clone().slice([0..2, 1..2])).into_data();
        assert_eq!(column.as_slice::<f32>().unwrap(), [144.0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_size(rows in 1usize..90, width in 1usize..900, seed in 0u64..1 << 32) {
        let x: Tensor<2> = normal([rows, width], seed, &Device::flex());
        assert_close(sum_of_squares(x.clone()), sum_of_squares_reference(x), F32_SUM);
    }
}

#[test]
fn threads_change_no_bit() {
    let x: Tensor<1> = normal([100_003], 5, &Device::flex());
    let [alone, together] = [1, 3].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| sum_of_squares(x.clone()))
    });
    assert_same(together, alone);
}
