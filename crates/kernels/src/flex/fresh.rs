//! Memory for results that are about to be written whole.

use std::mem::MaybeUninit;

/// Elements that were not written yet: setting them to zero first would cost a pass over memory.
pub(super) struct Fresh {
    values: Vec<f32>,
    length: usize,
}

impl Fresh {
    pub(super) fn new(length: usize) -> Self {
        Self {
            values: Vec::with_capacity(length),
            length,
        }
    }

    /// All of it, to be written.
    pub(super) fn all(&mut self) -> &mut [MaybeUninit<f32>] {
        &mut self.values.spare_capacity_mut()[..self.length]
    }

    /// The elements.
    ///
    /// # Safety
    ///
    /// Every element must have been written.
    #[expect(unsafe_code, reason = "the caller vouches for what it wrote")]
    pub(super) unsafe fn written(mut self) -> Vec<f32> {
        // SAFETY: the elements are there, as the caller vouches, and the capacity was asked for.
        unsafe { self.values.set_len(self.length) };
        self.values
    }
}

/// Writes zeros.
pub(super) fn zero(values: &mut [MaybeUninit<f32>]) {
    values.fill(MaybeUninit::new(0.0));
}
