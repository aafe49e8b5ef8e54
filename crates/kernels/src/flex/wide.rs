//! The widest vectors that the chip has.

/// Runs a loop compiled for the vectors of this chip: the loop must inline.
#[inline(always)]
pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
        fn avx512<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        let has_avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq");
        let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if has_avx512 && has_avx2 {
            // SAFETY: the chip was just asked for every feature that the function enables.
            #[expect(unsafe_code, reason = "a function with target features, checked above")]
            return unsafe { avx512(work) };
        }
        if has_avx2 {
            // SAFETY: the chip was just asked for every feature that the function enables.
            #[expect(unsafe_code, reason = "a function with target features, checked above")]
            return unsafe { avx2(work) };
        }
    }
    work()
}
