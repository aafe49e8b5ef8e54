//! Memory that a thread keeps from product to product.

use std::{cell::Cell, thread::LocalKey};

/// Where a thread keeps a buffer.
pub(super) type Home<T> = LocalKey<Cell<Vec<T>>>;

/// A buffer out of its place. It is taken out while in use, so that a product which starts while
/// another waits for its threads finds an empty place and not the other's memory.
pub(super) struct Scratch<T: 'static> {
    home: &'static Home<T>,
    values: Vec<T>,
}

impl<T: Copy> Scratch<T> {
    pub(super) fn take(home: &'static Home<T>) -> Self {
        let values = home.take();
        Self { home, values }
    }

    /// The first `length` elements, whatever they hold; `new` where there were none.
    pub(super) fn first(&mut self, length: usize, new: T) -> &mut [T] {
        if self.values.len() < length {
            self.values.resize(length, new);
        }
        &mut self.values[..length]
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        self.home.set(std::mem::take(&mut self.values));
    }
}
