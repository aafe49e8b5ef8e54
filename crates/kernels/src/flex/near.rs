//! Reading ahead.
//!
//! A chip fetches by itself what follows in memory, but not past a page, and a row of a large matrix is often
//! one. What will be read next is better asked for while there is something else to do.

/// Asks for a run of memory that will be read soon.
#[inline(always)]
pub(super) fn fetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks((LINE / size_of::<T>()).max(1)) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 chip has this instruction, which changes nothing that a program sees.
        #[expect(unsafe_code, reason = "an instruction that only hints")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Bytes of a line of the cache.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;
