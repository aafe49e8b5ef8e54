//! What was made once and is used again, by its type.

use std::any::Any;

/// One value of each type that was asked for. Several settings of a job share what they put there, and the owner
/// of the memory knows none of the jobs.
#[derive(Default)]
pub(crate) struct Memo(Vec<Box<dyn Any>>);

impl Memo {
    /// The value of a type, which begins as its default.
    pub(crate) fn of<T: Any + Default>(&mut self) -> &mut T {
        let known = self.0.iter().position(|value| value.is::<T>());
        let place = known.unwrap_or_else(|| {
            self.0.push(Box::new(T::default()));
            self.0.len() - 1
        });
        let value = self.0[place].downcast_mut();
        value.expect("it was found by its type, or made of it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_one_value() {
        let mut memo = Memo::default();
        memo.of::<Vec<u8>>().push(3);
        *memo.of::<String>() = "a".to_owned();
        memo.of::<Vec<u8>>().push(4);
        assert_eq!(*memo.of::<Vec<u8>>(), [3, 4]);
        assert_eq!(memo.of::<String>(), "a");
    }
}
