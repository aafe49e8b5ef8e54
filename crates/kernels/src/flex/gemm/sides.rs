//! The left factor of a product, and where its result goes.

use super::View;

/// The left factor, and its elements as they are multiplied.
pub(super) struct Left<'a> {
    pub(super) values: &'a [f32],
    pub(super) view: View<'a>,
}

/// Some columns of the result, from the first of them on. Parts of different columns do not overlap, so
/// threads may share it.
#[derive(Clone, Copy)]
pub(super) struct Out {
    pub(super) first: *mut f32,
    /// Elements from a row to the next.
    pub(super) row: usize,
}

// SAFETY: each thread writes the columns of its own panels only.
#[expect(unsafe_code, reason = "threads write disjoint columns of one matrix")]
unsafe impl Send for Out {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "threads write disjoint columns of one matrix")]
unsafe impl Sync for Out {}

impl Out {
    /// The part from this column on.
    pub(super) fn from(self, column: usize) -> Self {
        Self {
            first: self.first.wrapping_add(column),
            ..self
        }
    }

    /// Writes or adds sums from a place on.
    ///
    /// # Safety
    ///
    /// The result must have this part, which no other thread writes, and be initialised if `add`.
    #[expect(unsafe_code, reason = "threads write disjoint parts of one matrix")]
    pub(super) unsafe fn put(self, row: usize, column: usize, sums: &[f32], add: bool) {
        // SAFETY: as the caller says.
        let out = unsafe { self.first.add(row * self.row + column) };
        for (place, sum) in sums.iter().enumerate() {
            // SAFETY: as above; the sums are elsewhere.
            unsafe {
                let out = out.add(place);
                let there = if add { out.read() } else { 0.0 };
                out.write(there + sum);
            }
        }
    }
}
