//! What a program asks memory for.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The system's allocator, with a tally. A test program that measures memory makes it its global one:
///
/// ```
/// #[global_allocator]
/// static ALLOCATIONS: testkit::Allocations = testkit::Allocations::new();
///
/// let (kept, seen) = ALLOCATIONS.of(|| vec![0u8; 4000]);
/// assert_eq!(seen.largest, 4000);
/// assert!(seen.peak >= 4000);
/// # drop(kept);
/// ```
#[derive(Debug)]
pub struct Allocations {
    live: AtomicUsize,
    peak: AtomicUsize,
    largest: AtomicUsize,
}

/// What was asked for while something ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocated {
    /// The most bytes at a time, beyond those of before.
    pub peak: usize,
    /// The largest block.
    pub largest: usize,
}

impl Allocations {
    /// Nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "there is one in a program, and it is a static"
    )]
    pub const fn new() -> Self {
        Self {
            live: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            largest: AtomicUsize::new(0),
        }
    }

    /// What `run` gives, and what was asked for meanwhile by all threads: nothing else may run.
    pub fn of<T>(&self, run: impl FnOnce() -> T) -> (T, Allocated) {
        let before = self.live.load(Relaxed);
        self.peak.store(before, Relaxed);
        self.largest.store(0, Relaxed);
        let result = run();
        let allocated = Allocated {
            peak: self.peak.load(Relaxed).saturating_sub(before),
            largest: self.largest.load(Relaxed),
        };
        (result, allocated)
    }

    fn grown(&self, size: usize) {
        let live = self.live.fetch_add(size, Relaxed) + size;
        self.peak.fetch_max(live, Relaxed);
        self.largest.fetch_max(size, Relaxed);
    }
}

// SAFETY: every block is the system's, asked for and given back as the caller does.
#[expect(unsafe_code, reason = "an allocator, of test programs alone")]
unsafe impl GlobalAlloc for Allocations {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.grown(layout.size());
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.grown(layout.size());
        // SAFETY: the caller's layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.live.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's block and layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.live.fetch_sub(layout.size(), Relaxed);
        self.grown(size);
        // SAFETY: the caller's block and layout.
        unsafe { System.realloc(block, layout, size) }
    }
}
