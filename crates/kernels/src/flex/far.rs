//! Writing past the caches.
//!
//! A store to memory that is in no cache first fetches the line that it is going to overwrite. A
//! result that is too large to be still near when it is read next is better sent straight to
//! memory, a whole line at a time.

use std::mem::MaybeUninit;

/// Elements from which a result is written past the caches: 4 MiB.
pub(super) const FAR: usize = 1 << 20;

/// Floats of a line of the cache.
pub(super) const LINE: usize = 16;

/// The memory as whole lines, if that is what it is made of.
pub(super) fn lines(out: &mut [MaybeUninit<f32>]) -> Option<&mut [[MaybeUninit<f32>; LINE]]> {
    let whole = cfg!(target_arch = "x86_64")
        && out.len().is_multiple_of(LINE)
        && out.as_ptr().addr().is_multiple_of(LINE * size_of::<f32>());
    whole.then_some(out.as_chunks_mut().0)
}

/// Writes a line of [`lines`]. Other threads see it after a [`fence`].
#[inline(always)]
pub(super) fn write(line: &mut [MaybeUninit<f32>; LINE], values: &[f32; LINE]) {
    #[cfg(target_arch = "x86_64")]
    for (out, values) in line.chunks_exact_mut(4).zip(values.chunks_exact(4)) {
        use std::arch::x86_64::{_mm_loadu_ps, _mm_stream_ps};
        // SAFETY: both are four floats long, the line is aligned to its 64 bytes, and every
        // x86-64 chip has these instructions.
        #[expect(unsafe_code, reason = "a store that passes the caches by")]
        unsafe {
            _mm_stream_ps(out.as_mut_ptr().cast(), _mm_loadu_ps(values.as_ptr()));
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    line.write_copy_of_slice(values);
}

/// Lets other threads see what this one wrote before it says that it is done.
pub(super) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 chip has this instruction.
    #[expect(unsafe_code, reason = "an instruction of a target feature")]
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}
