//! An allocator that keeps large blocks.

use std::{
    alloc::{GlobalAlloc, Layout},
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Size and alignment of a huge page, and the size from which blocks are kept.
const HUGE: usize = 2 << 20;
/// Classes of sizes: 16 of one huge page each, then eight for every doubling.
const CLASSES: usize = 16 + 8 * 20;

/// Keeps freed blocks of 2 MiB and more for the next request of their size, in huge pages where
/// the system has them; smaller ones are the inner allocator's.
///
/// The tensors of a training step have the same sizes in every step. An allocator that gives their
/// memory back in between has the system clear every page again at its first touch, and small pages
/// fill the address tables of the chip, so that operations whose arithmetic is fast spend their
/// time on memory. How much is kept follows from what is asked for: it begins at a limit and grows by each
/// block that was given back for want of room and is then asked for again, up to
/// [`may_keep`](Self::may_keep). What was read once, as weights are on their way in, makes it grow by nothing.
///
/// A program that trains on the CPU makes it its global allocator:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: kernels::LargeBlocks<std::alloc::System> =
///     kernels::LargeBlocks::new(std::alloc::System, 1 << 30);
///
/// ALLOCATOR.may_keep(4 << 30);
/// let first = vec![1.0f32; 1 << 20];
/// let place = first.as_ptr();
/// drop(first);
/// assert_eq!(vec![2.0f32; 1 << 20].as_ptr(), place);
/// ```
#[derive(Debug)]
pub struct LargeBlocks<A> {
    inner: A,
    /// Bytes that are kept at most, now.
    limit: AtomicUsize,
    /// The most that it may become.
    ceiling: AtomicUsize,
    kept: AtomicUsize,
    free: [Mutex<Chain>; CLASSES],
    /// Blocks of each class that were given back for want of room and not asked for since.
    missed: [AtomicUsize; CLASSES],
}

/// Free blocks of one class: each begins with the address of the next.
#[derive(Debug, Clone, Copy)]
struct Chain(*mut u8);

// SAFETY: the blocks of a chain belong to nobody, and a chain is used under its lock only.
#[expect(unsafe_code, reason = "pointers to memory that nobody uses")]
unsafe impl Send for Chain {}

impl<A> LargeBlocks<A> {
    /// Keeps at most `limit` bytes that are not in use.
    pub const fn new(inner: A, limit: usize) -> Self {
        Self {
            inner,
            limit: AtomicUsize::new(limit),
            ceiling: AtomicUsize::new(limit),
            kept: AtomicUsize::new(0),
            free: [const { Mutex::new(Chain(ptr::null_mut())) }; CLASSES],
            missed: [const { AtomicUsize::new(0) }; CLASSES],
        }
    }

    /// Lets the limit grow up to so many bytes, where the same blocks are asked for again and again.
    pub fn may_keep(&self, bytes: usize) {
        self.ceiling.store(bytes, Ordering::Relaxed);
    }

    /// A block of a class is asked for that is not there: had it been kept, it would be.
    fn learn(&self, class: usize, size: usize) {
        let one_less = |missed: usize| missed.checked_sub(1);
        let missed = &self.missed[class];
        let relaxed = Ordering::Relaxed;
        if missed.fetch_update(relaxed, relaxed, one_less).is_err() {
            return;
        }
        let ceiling = self.ceiling.load(relaxed);
        let more = |limit: usize| (limit + size <= ceiling).then_some(limit + size);
        // Where it may not grow any more it stays.
        let _ = self.limit.fetch_update(relaxed, relaxed, more);
    }
}

/// The class of a layout, and the size of its blocks; none for what the inner allocator serves.
fn class(layout: Layout) -> Option<(usize, usize)> {
    if layout.size() < HUGE || layout.align() > HUGE {
        return None;
    }
    let pages = layout.size().div_ceil(HUGE);
    let (class, pages) = if pages <= 16 {
        (pages - 1, pages)
    } else {
        // Eighths of the power of two below.
        let doubling = (pages - 1).ilog2();
        let eighth = 1usize << (doubling - 3);
        let eighths = (pages - (1 << doubling)).div_ceil(eighth);
        (
            15 + 8 * (doubling as usize - 4) + eighths,
            (1 << doubling) + eighths * eighth,
        )
    };
    (class < CLASSES).then_some((class, pages * HUGE))
}

#[expect(unsafe_code, reason = "an allocator deals in raw memory")]
// SAFETY: blocks come from the inner allocator with at least the size and alignment asked for, are
// given out once until they are given back, and go back to it with the layout they came with: size
// and alignment of their class, which follows from the layout alone.
unsafe impl<A: GlobalAlloc> GlobalAlloc for LargeBlocks<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are handed on.
        unsafe {
            match class(layout) {
                None => self.inner.alloc(layout),
                Some((class, size)) => {
                    let kept = self.take(class, size);
                    if kept.is_null() {
                        self.learn(class, size);
                        self.fresh(size, false)
                    } else {
                        kept
                    }
                }
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are handed on; a kept block is as large as its class.
        unsafe {
            match class(layout) {
                None => self.inner.alloc_zeroed(layout),
                Some((class, size)) => {
                    let kept = self.take(class, size);
                    if kept.is_null() {
                        self.learn(class, size);
                        return self.fresh(size, true);
                    }
                    kept.write_bytes(0, layout.size());
                    kept
                }
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are handed on; large blocks came from `fresh`.
        unsafe {
            match class(layout) {
                None => self.inner.dealloc(block, layout),
                Some((class, size)) => self.put(block, class, size),
            }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises a size that does not overflow with this alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(wanted)) {
            // SAFETY: the caller's promises are handed on.
            (None, None) => unsafe { self.inner.realloc(block, layout, size) },
            (Some((had, _)), Some((has, _))) if had == has => block,
            // SAFETY: both blocks are at least as large as the part that is copied.
            _ => unsafe {
                let new = self.alloc(wanted);
                if !new.is_null() {
                    new.copy_from_nonoverlapping(block, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                new
            },
        }
    }
}

#[expect(unsafe_code, reason = "an allocator deals in raw memory")]
#[expect(
    clippy::cast_ptr_alignment,
    reason = "blocks are aligned to huge pages"
)]
impl<A: GlobalAlloc> LargeBlocks<A> {
    /// A kept block of a class, or null.
    fn take(&self, class: usize, size: usize) -> *mut u8 {
        let mut chain = self.free[class]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let block = chain.0;
        if !block.is_null() {
            // SAFETY: a block of the chain is nobody's, aligned, and begins with the next address.
            chain.0 = unsafe { block.cast::<*mut u8>().read() };
            self.kept.fetch_sub(size, Ordering::Relaxed);
        }
        block
    }

    /// # Safety
    ///
    /// `block` is a block of this class, and nobody's from now on.
    unsafe fn put(&self, block: *mut u8, class: usize, size: usize) {
        let limit = self.limit.load(Ordering::Relaxed);
        if self.kept.fetch_add(size, Ordering::Relaxed) + size > limit {
            self.kept.fetch_sub(size, Ordering::Relaxed);
            self.missed[class].fetch_add(1, Ordering::Relaxed);
            // SAFETY: it came from the inner allocator with this layout.
            unsafe { self.inner.dealloc(block, block_layout(size)) };
            return;
        }
        let mut chain = self.free[class]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the block is nobody's, aligned, and larger than an address.
        unsafe { block.cast::<*mut u8>().write(chain.0) };
        chain.0 = block;
    }

    /// # Safety
    ///
    /// `size` is a whole number of huge pages, not none.
    unsafe fn fresh(&self, size: usize, zeroed: bool) -> *mut u8 {
        let layout = block_layout(size);
        // SAFETY: the size is not zero.
        let block = unsafe {
            if zeroed {
                self.inner.alloc_zeroed(layout)
            } else {
                self.inner.alloc(layout)
            }
        };
        #[cfg(target_os = "linux")]
        if !block.is_null() {
            // SAFETY: advice about memory that is ours. That it is not taken is no failure.
            unsafe { libc::madvise(block.cast(), size, libc::MADV_HUGEPAGE) };
        }
        block
    }
}

fn block_layout(size: usize) -> Layout {
    Layout::from_size_align(size, HUGE).expect("a size that was allocated before")
}

#[cfg(test)]
mod tests {
    use std::alloc::System;

    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 64).expect("a layout")
    }

    #[test]
    fn classes_grow_and_hold_what_is_asked_of_them() {
        assert_eq!(class(layout(HUGE - 1)), None);
        assert_eq!(class(layout(HUGE)), Some((0, HUGE)));
        assert_eq!(class(layout(16 * HUGE)), Some((15, 16 * HUGE)));
        // The first after 16 pages: an eighth more, which is two.
        assert_eq!(class(layout(16 * HUGE + 1)), Some((16, 18 * HUGE)));
        assert_eq!(class(layout(32 * HUGE)), Some((23, 32 * HUGE)));
        assert_eq!(class(layout(32 * HUGE + 1)), Some((24, 36 * HUGE)));
        let (mut last, mut largest) = (0, 0);
        for pages in 1..5000 {
            let (class, size) = class(layout(pages * HUGE)).expect("a class");
            assert!(size >= pages * HUGE && size - pages * HUGE <= pages * HUGE / 8 + HUGE);
            assert!(
                class == last || class == last + 1,
                "{pages}: {class} after {last}"
            );
            assert!(size >= largest);
            (last, largest) = (class, size);
        }
    }

    #[test]
    #[expect(unsafe_code, reason = "an allocator deals in raw memory")]
    fn a_block_comes_back_zeroed_if_asked_and_only_up_to_the_limit() {
        let allocator = LargeBlocks::new(System, 8 * HUGE);
        let (small, large) = (layout(3 * HUGE), layout(6 * HUGE));
        // SAFETY: every block is used inside its layout and given back once with it.
        unsafe {
            let first = allocator.alloc(small);
            assert_eq!(first as usize % HUGE, 0);
            first.write_bytes(7, small.size());
            allocator.dealloc(first, small);
            assert_eq!(allocator.kept.load(Ordering::Relaxed), 3 * HUGE);
            let again = allocator.alloc_zeroed(layout(3 * HUGE - 5));
            assert_eq!(again, first);
            assert!((0..3 * HUGE - 5).all(|byte| *again.add(byte) == 0));
            assert_eq!(allocator.kept.load(Ordering::Relaxed), 0);
            // Growing within its class keeps it, growing out of it moves what it holds.
            again.write(9);
            let same = allocator.realloc(again, layout(3 * HUGE - 5), 3 * HUGE);
            assert_eq!(same, again);
            let moved = allocator.realloc(same, small, 6 * HUGE);
            assert_eq!(moved.read(), 9);
            assert_eq!(allocator.kept.load(Ordering::Relaxed), 3 * HUGE);
            // Nine huge pages are more than the limit: the second is given back.
            allocator.dealloc(moved, large);
            assert_eq!(allocator.kept.load(Ordering::Relaxed), 3 * HUGE);
            let kept = allocator.alloc(small);
            assert_eq!(kept, first);
            let tiny = allocator.alloc(layout(100));
            allocator.dealloc(tiny, layout(100));
            allocator.inner.dealloc(kept, block_layout(3 * HUGE));
        }
    }

    #[test]
    #[expect(unsafe_code, reason = "an allocator deals in raw memory")]
    fn the_limit_grows_by_what_was_given_back_and_is_asked_for_again() {
        let allocator = LargeBlocks::new(System, 4 * HUGE);
        allocator.may_keep(8 * HUGE);
        let kept = || allocator.kept.load(Ordering::Relaxed);
        // Two blocks of three pages, again and again; the second has no room at first.
        let step = || {
            // SAFETY: every block is given back once with its layout.
            unsafe {
                let blocks = [(); 2].map(|()| allocator.alloc(layout(3 * HUGE)));
                for block in blocks {
                    allocator.dealloc(block, layout(3 * HUGE));
                }
            }
            kept()
        };
        assert_eq!(step(), 3 * HUGE);
        // It is asked for again: 4 and 3 pages of limit have room for both.
        assert_eq!(step(), 6 * HUGE);
        assert_eq!(step(), 6 * HUGE);
        // SAFETY: as above. A block that was never given back teaches nothing, and three more are too many.
        unsafe {
            for _ in 0..2 {
                let once = allocator.alloc(layout(5 * HUGE));
                allocator.dealloc(once, layout(5 * HUGE));
            }
        }
        assert_eq!(kept(), 6 * HUGE);
        assert_eq!(allocator.limit.load(Ordering::Relaxed), 7 * HUGE);
    }
}
