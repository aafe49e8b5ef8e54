//! The normal distribution from tables that fit the registers of AVX-512.
//!
//! The tail `Q(a) = 1 - Phi(a)` for `a = |x|` below 6 is a polynomial of degree 5 on each of 32
//! equal intervals: its Taylor series about the middle, whose coefficients come from one permute
//! instruction each. What is left out is below 2e-9, and below 2e-7 for the derivative, the density.
//! Beyond 6 the tail is less than 1e-9 and is taken as zero.

use std::{
    arch::x86_64::{
        __m512, _CMP_GE_OQ, _CMP_LT_OQ, _mm512_abs_ps, _mm512_add_ps, _mm512_cmp_ps_mask,
        _mm512_cvtepi32_ps, _mm512_cvttps_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps,
        _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_mask_sub_ps, _mm512_maskz_loadu_ps,
        _mm512_maskz_mov_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_permutex2var_ps, _mm512_set1_ps,
        _mm512_setzero_ps, _mm512_sub_ps,
    },
    sync::LazyLock,
};

const END: f64 = 6.0;
const INTERVALS: usize = 32;
const WIDTH: f64 = END / INTERVALS as f64;
const TERMS: usize = 6;

/// Coefficient after coefficient, one for every interval.
static TABLE: LazyLock<[[f32; INTERVALS]; TERMS]> = LazyLock::new(|| {
    let mut table = [[0.0; INTERVALS]; TERMS];
    for interval in 0..INTERVALS {
        let middle = (interval as f64 + 0.5) * WIDTH;
        for (row, coefficient) in table.iter_mut().zip(taylor_of_tail(middle)) {
            row[interval] = coefficient as f32;
        }
    }
    table
});

/// Taylor coefficients of the tail about `x`. The n-th derivative of the density is
/// `(-1)^n He_n(x) phi(x)` with Hermite's polynomials `He_{n+1} = x He_n - n He_{n-1}`.
fn taylor_of_tail(x: f64) -> [f64; TERMS] {
    let density = (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    // Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ..), every term x^2 / (2n + 1) of the last.
    let (mut sum, mut term, mut odd) = (0.0, x, 1.0);
    while term > sum * f64::EPSILON {
        sum += term;
        odd += 2.0;
        term *= x * x / odd;
    }
    let mut coefficients = [0.5 - density * sum; TERMS];
    let (mut hermite, mut before, mut factor) = (1.0, 0.0, -density);
    for (n, coefficient) in (1..).zip(&mut coefficients[1..]) {
        factor /= f64::from(n);
        *coefficient = factor * hermite;
        factor = -factor;
        (hermite, before) = (x * hermite - f64::from(n - 1) * before, hermite);
    }
    coefficients
}

/// The table in registers.
#[derive(Clone, Copy)]
struct Normal([[__m512; 2]; TERMS]);

impl Normal {
    #[target_feature(enable = "avx512f,avx512dq")]
    #[inline]
    fn load() -> Self {
        let mut registers = [[_mm512_setzero_ps(); 2]; TERMS];
        for (register, row) in registers.iter_mut().zip(TABLE.iter()) {
            // SAFETY: a row has 32 elements, which are two vectors.
            #[expect(unsafe_code, reason = "vector loads from an array of known length")]
            unsafe {
                *register = [
                    _mm512_loadu_ps(row.as_ptr()),
                    _mm512_loadu_ps(row.as_ptr().add(16)),
                ];
            }
        }
        Self(registers)
    }

    /// `Phi(x)` and `phi(x)`.
    #[target_feature(enable = "avx512f,avx512dq")]
    #[inline]
    fn at(&self, x: __m512) -> (__m512, __m512) {
        let size = _mm512_abs_ps(x);
        let inside = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(size, _mm512_set1_ps(END as f32));
        let size = _mm512_min_ps(size, _mm512_set1_ps(END as f32));
        let per_interval = _mm512_set1_ps((1.0 / WIDTH) as f32);
        let interval = _mm512_cvttps_epi32(_mm512_mul_ps(size, per_interval));
        let middle = _mm512_add_ps(_mm512_cvtepi32_ps(interval), _mm512_set1_ps(0.5));
        // The width has few digits, so the middles are exact.
        let rest = _mm512_fnmadd_ps(middle, _mm512_set1_ps(WIDTH as f32), size);
        let coefficient = |term: usize| {
            let [low, high] = self.0[term];
            _mm512_permutex2var_ps(low, interval, high)
        };
        let mut tail = coefficient(TERMS - 1);
        let mut slope = _mm512_setzero_ps();
        for term in (0..TERMS - 1).rev() {
            slope = _mm512_fmadd_ps(slope, rest, tail);
            tail = _mm512_fmadd_ps(tail, rest, coefficient(term));
        }
        let tail = _mm512_maskz_mov_ps(inside, tail);
        let density = _mm512_maskz_mov_ps(inside, _mm512_sub_ps(_mm512_setzero_ps(), slope));
        let positive = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(x, _mm512_setzero_ps());
        let phi = _mm512_mask_sub_ps(tail, positive, _mm512_set1_ps(1.0), tail);
        (phi, density)
    }
}

/// `out = gelu(x)`.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn write(x: &[f32], out: &mut [f32]) {
    let normal = Normal::load();
    each(x, out, |x, _| _mm512_mul_ps(x, normal.at(x).0));
}

/// `x = gelu(x)`.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn replace(x: &mut [f32]) {
    let normal = Normal::load();
    for x in x.chunks_mut(16) {
        let mask = if x.len() == 16 {
            !0
        } else {
            (1 << x.len()) - 1
        };
        // SAFETY: only elements under the mask are read and written, and the slice has them.
        #[expect(unsafe_code, reason = "masked vector loads and stores in slices")]
        unsafe {
            let before = _mm512_maskz_loadu_ps(mask, x.as_ptr());
            let after = _mm512_mul_ps(before, normal.at(before).0);
            _mm512_mask_storeu_ps(x.as_mut_ptr(), mask, after);
        }
    }
}

/// `out *= gelu'(x)`.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn scale_by_slope(x: &[f32], out: &mut [f32]) {
    let normal = Normal::load();
    each(x, out, |x, out| {
        let (phi, density) = normal.at(x);
        _mm512_mul_ps(out, _mm512_fmadd_ps(x, density, phi))
    });
}

/// `out = f(x, out)`, sixteen at a time.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
fn each(x: &[f32], out: &mut [f32], f: impl Fn(__m512, __m512) -> __m512) {
    for (x, out) in x.chunks(16).zip(out.chunks_mut(16)) {
        let length = x.len().min(out.len());
        let mask = if length == 16 { !0 } else { (1 << length) - 1 };
        // SAFETY: only elements under the mask are read and written, and both slices have them.
        #[expect(unsafe_code, reason = "masked vector loads and stores in slices")]
        unsafe {
            let result = f(
                _mm512_maskz_loadu_ps(mask, x.as_ptr()),
                _mm512_maskz_loadu_ps(mask, out.as_ptr()),
            );
            _mm512_mask_storeu_ps(out.as_mut_ptr(), mask, result);
        }
    }
}
