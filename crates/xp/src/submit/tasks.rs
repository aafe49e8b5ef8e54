//! Which trials are in which task.

/// Places of trials, task by task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tasks {
    /// The places.
    pub(crate) list: Vec<Vec<usize>>,
    /// How many of the tasks, the first, may run beside each other.
    pub(crate) together: usize,
}

/// Deals trials into tasks of so many trials each, or of more where that makes more tasks than `most`. Those that run
/// alone come last, each a task of its own beside those.
pub(crate) fn deal(
    trials: &[usize],
    runs_alone: impl Fn(usize) -> bool,
    each: usize,
    most: usize,
) -> Tasks {
    let (alone, beside): (Vec<usize>, Vec<usize>) =
        trials.iter().partition(|&&trial| runs_alone(trial));
    let each = each.max(beside.len().div_ceil(most.max(1))).max(1);
    let mut list: Vec<Vec<usize>> = beside.chunks(each).map(<[usize]>::to_vec).collect();
    let together = list.len();
    list.extend(alone.into_iter().map(|trial| vec![trial]));
    Tasks { list, together }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_are_dealt_in_order_and_those_of_speeds_come_last() {
        let dealt = |each, most| deal(&[4, 9, 1, 2, 3], |trial| trial == 9, each, most);
        let tasks = |list: &[&[usize]], together| Tasks {
            list: list.iter().map(|task| task.to_vec()).collect(),
            together,
        };
        assert_eq!(dealt(1, 1000), tasks(&[&[4], &[1], &[2], &[3], &[9]], 4));
        assert_eq!(dealt(3, 1000), tasks(&[&[4, 1, 2], &[3], &[9]], 2));
        // Two tasks at most, beside the one that is alone: two trials each.
        assert_eq!(dealt(1, 2), tasks(&[&[4, 1], &[2, 3], &[9]], 2));
        assert_eq!(deal(&[9], |_| true, 1, 1), tasks(&[&[9]], 0));
    }
}
