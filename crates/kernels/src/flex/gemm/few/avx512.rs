//! The sums on AVX-512: sixteen columns of all rows together. Halves are widened by an instruction of their
//! own, and a number of four bits is looked up in a register, neither of which compilers find.

use std::arch::x86_64::{
    __m512, _mm256_loadu_si256, _mm512_castsi512_ps, _mm512_cvtepu16_epi32, _mm512_cvtph_ps,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_permutexvar_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setr_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_srlv_epi32,
    _mm512_storeu_ps,
};

use burn::tensor::{bf16, f16};

use super::{DEPTHS, PIECE, Sums};
use crate::flex::wide::LANES;

pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx512f")
}

/// A number of which vectors are read.
pub(super) trait Vector: Copy + Default {
    /// Sixteen of them in f32.
    ///
    /// # Safety
    ///
    /// The chip must have AVX-512.
    #[expect(unsafe_code, reason = "target features, which the caller checks")]
    unsafe fn vector(numbers: &[Self; LANES]) -> __m512;
}

impl Vector for f32 {
    #[expect(unsafe_code, reason = "a vector load from an array of its length")]
    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn vector(numbers: &[Self; LANES]) -> __m512 {
        // SAFETY: the array has sixteen numbers.
        unsafe { _mm512_loadu_ps(numbers.as_ptr()) }
    }
}

impl Vector for f16 {
    #[expect(unsafe_code, reason = "a vector load from an array of its length")]
    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn vector(numbers: &[Self; LANES]) -> __m512 {
        // SAFETY: the array has sixteen numbers.
        _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) })
    }
}

impl Vector for bf16 {
    #[expect(unsafe_code, reason = "a vector load from an array of its length")]
    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn vector(numbers: &[Self; LANES]) -> __m512 {
        // SAFETY: the array has sixteen numbers.
        let bits = unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) };
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)))
    }
}

/// Adds `x * lines`.
#[target_feature(enable = "avx512f")]
pub(super) fn lines<const R: usize, N: Vector>(
    x: &[[f32; R]; DEPTHS],
    lines: [&[N]; DEPTHS],
    sums: &mut Sums<R>,
) {
    let length = lines[0].len();
    let lines = lines.map(|line| line[..length].as_chunks::<LANES>());
    for number in 0..length.div_ceil(LANES) {
        let mut values = [_mm512_setzero_ps(); DEPTHS];
        for (value, (chunks, rest)) in values.iter_mut().zip(&lines) {
            *value = match chunks.get(number) {
                Some(numbers) => wide(numbers),
                None => wide(&padded(rest)),
            };
        }
        add(x, &values, sums, number * LANES);
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn wide<N: Vector>(numbers: &[N; LANES]) -> __m512 {
    // SAFETY: the chip has AVX-512, as this function has it.
    #[expect(
        unsafe_code,
        reason = "target features, which are those of this function"
    )]
    unsafe {
        N::vector(numbers)
    }
}

/// Adds `x * q` for the numbers q of words.
#[target_feature(enable = "avx512f")]
pub(super) fn words<const R: usize>(x: &[[f32; R]; DEPTHS], words: &[i32], sums: &mut Sums<R>) {
    let (chunks, rest) = words.as_chunks::<LANES>();
    for number in 0..words.len().div_ceil(LANES) {
        let levels = match chunks.get(number) {
            Some(words) => levels(words),
            None => levels(&padded(rest)),
        };
        add(x, &levels, sums, number * LANES);
    }
}

/// The eight numbers of each word.
#[target_feature(enable = "avx512f")]
#[inline]
fn levels(words: &[i32; LANES]) -> [__m512; DEPTHS] {
    let table = _mm512_setr_ps(
        0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0,
    );
    // SAFETY: the array has sixteen words.
    #[expect(unsafe_code, reason = "a vector load from an array of its length")]
    let words = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
    let mut levels = [table; DEPTHS];
    for (place, levels) in levels.iter_mut().enumerate() {
        let lowest = _mm512_srlv_epi32(words, _mm512_set1_epi32(4 * place as i32));
        // The look-up reads four bits, whatever is above them.
        *levels = _mm512_permutexvar_ps(lowest, *levels);
    }
    levels
}

/// `sums[r] += sum over depths of x[depth][r] * values[depth]` for sixteen columns.
#[target_feature(enable = "avx512f")]
#[inline]
fn add<const R: usize>(
    x: &[[f32; R]; DEPTHS],
    values: &[__m512; DEPTHS],
    sums: &mut Sums<R>,
    first: usize,
) {
    for (row, sums) in sums.iter_mut().enumerate() {
        let sums = &mut sums[first..][..LANES];
        // SAFETY: the slice has sixteen numbers.
        #[expect(unsafe_code, reason = "a vector load from a slice of its length")]
        let mut near = unsafe { _mm512_loadu_ps(sums.as_ptr()) };
        for (x, values) in x.iter().zip(values) {
            near = _mm512_fmadd_ps(_mm512_set1_ps(x[row]), *values, near);
        }
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "a vector store to a slice of its length")]
        unsafe {
            _mm512_storeu_ps(sums.as_mut_ptr(), near);
        }
    }
}

/// The end of a line, zero where it ended.
fn padded<N: Copy + Default>(rest: &[N]) -> [N; LANES] {
    let mut padded = [N::default(); LANES];
    padded[..rest.len()].copy_from_slice(rest);
    padded
}

const _: () = assert!(PIECE.is_multiple_of(LANES), "pieces are whole vectors");
