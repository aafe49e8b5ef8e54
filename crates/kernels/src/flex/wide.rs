//! Loops compiled for the vectors of the chip that runs them, and the sums that such loops need.

/// Floats of one 512-bit register; narrower chips take two or four registers.
pub(super) const LANES: usize = 16;

/// Defines a function whose body is compiled for AVX-512, for AVX2 and for any chip, and which
/// runs the widest that this chip has. What the body calls must be `#[inline(always)]`.
macro_rules! wide {
    ($(
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block
    )*) => {$(
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn any($($argument: $type),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    any($($argument),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    any($($argument),*)
                }
                let has_avx512 = is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq");
                let has_avx2 =
                    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
                if has_avx512 && has_avx2 {
                    // SAFETY: the chip was just asked for every feature that the function enables.
                    #[expect(unsafe_code, reason = "target features, checked above")]
                    return unsafe { avx512($($argument),*) };
                }
                if has_avx2 {
                    // SAFETY: the chip was just asked for every feature that the function enables.
                    #[expect(unsafe_code, reason = "target features, checked above")]
                    return unsafe { avx2($($argument),*) };
                }
            }
            any($($argument),*)
        }
    )*};
}
pub(super) use wide;

/// The largest value; NaN is passed over, and nothing gives minus infinity.
#[inline(always)]
pub(super) fn largest(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let blocks = x.chunks_exact(LANES);
    let rest = blocks.remainder();
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], block[lane]);
        }
    }
    let most = lanes.into_iter().fold(f32::NEG_INFINITY, larger);
    rest.iter().copied().fold(most, larger)
}

/// `sum f(x)` in sixteen running sums.
#[inline(always)]
pub(super) fn sum_of(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let blocks = x.chunks_exact(LANES);
    let rest = blocks.remainder();
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] += f(block[lane]);
        }
    }
    let tail: f32 = rest.iter().map(|&x| f(x)).sum();
    lanes.iter().sum::<f32>() + tail
}

/// `sum f(place, x, others)` in sixteen running sums, where `f` may change its element of `x` and
/// reads those of equally long slices beside it.
#[inline(always)]
pub(super) fn sum_with<const N: usize>(
    x: &mut [f32],
    others: [&[f32]; N],
    f: impl Fn(usize, &mut f32, [f32; N]) -> f32,
) -> f32 {
    let length = x.len();
    let others = others.map(|other| other[..length].as_chunks::<LANES>());
    let (blocks, rest) = x.as_chunks_mut::<LANES>();
    let whole = blocks.len() * LANES;
    let mut lanes = [0.0f32; LANES];
    for (number, block) in blocks.iter_mut().enumerate() {
        let others = others.map(|(blocks, _)| &blocks[number]);
        for lane in 0..LANES {
            let beside = others.map(|block| block[lane]);
            lanes[lane] += f(number * LANES + lane, &mut block[lane], beside);
        }
    }
    let mut tail = 0.0;
    for (place, x) in rest.iter_mut().enumerate() {
        tail += f(whole + place, x, others.map(|(_, rest)| rest[place]));
    }
    lanes.iter().sum::<f32>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    wide! {
        /// Multiplies `x` by `by`; sums `x by + y + place`.
        fn scaled(x: &mut [f32], y: &[f32], by: f32) -> f32 {
            sum_with(x, [y], |place, x, [y]| {
                *x *= by;
                *x + y + place as f32
            })
        }
    }

    #[test]
    fn sums_and_maxima_of_any_length() {
        for length in [0usize, 1, 15, 16, 17, 40] {
            let values: Vec<f32> = (0..length).map(|i| (i * 7 % 11) as f32).collect();
            let (sum, places): (f32, f32) =
                (values.iter().sum(), (0..length).map(|i| i as f32).sum());
            assert_eq!(sum_of(&values, |x| x), sum);
            let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(largest(&values), most);
            let mut twice = values.clone();
            assert_eq!(scaled(&mut twice, &values, 2.0), 3.0 * sum + places);
            assert!(
                twice
                    .iter()
                    .zip(&values)
                    .all(|(twice, once)| *twice == 2.0 * once)
            );
        }
        assert_eq!(largest(&[f32::NAN, 1.0]), 1.0);
    }
}
