//! "Did you mean": the nearest of the names that would have been right.

/// What other programs call settings of this one.
const OTHER_NAMES: [(&str, &str); 22] = [
    ("lr", "learning-rate"),
    ("wd", "weight-decay"),
    ("bs", "batch"),
    ("batch-size", "batch"),
    ("seq-len", "sequence"),
    ("block-size", "sequence"),
    ("context-length", "sequence"),
    ("max-steps", "steps"),
    ("num-steps", "steps"),
    ("warmup-steps", "warmup"),
    ("grad-clip", "clip"),
    ("gradient-accumulation-steps", "accumulate"),
    ("top-k", "k"),
    ("topk", "k"),
    ("num-experts-per-tok", "k"),
    ("num-experts", "experts"),
    ("n-experts", "experts"),
    ("cf", "capacity-factor"),
    ("hidden-size", "dim"),
    ("d-model", "dim"),
    ("n-layers", "layers"),
    ("n-heads", "heads"),
];

/// The known name nearest to what was written, if it is near enough to be a slip, or the one that other
/// programs call so.
pub(crate) fn closest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    let plain = written.to_lowercase().replace('_', "-");
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == plain);
    if let Some((_, name)) = other
        && let Some(own) = known.iter().find(|own| *own == name)
    {
        return Some(own);
    }
    registry::nearest(written, known)
}

/// Reads "unknown ... `written`, expected ... `a`, `b`" and finds the nearest of the expected.
pub(crate) fn from_message(message: &str) -> Option<(String, String)> {
    if !message.contains("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let written = quoted.next()?.to_owned();
    let expected: Vec<_> = quoted.collect();
    let nearest = closest(&written, expected)?.to_owned();
    Some((written, nearest))
}

/// The nearest of the names that a message lists as expected.
pub(crate) fn did_you_mean(message: &str) -> Option<String> {
    from_message(message).map(|(_, nearest)| nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_has_a_suggestion_and_a_stranger_has_none() {
        assert_eq!(
            closest("capasity-factor", ["k", "capacity-factor"]),
            Some("capacity-factor")
        );
        assert_eq!(closest("zebra", ["k", "capacity-factor"]), None);
    }

    #[test]
    fn the_names_of_other_programs_are_known_where_ours_would_be_right() {
        assert_eq!(
            closest("lr", ["steps", "learning-rate"]),
            Some("learning-rate")
        );
        assert_eq!(closest("top_k", ["k", "experts"]), Some("k"));
        assert_eq!(closest("lr", ["steps", "batch"]), None);
    }

    #[test]
    fn the_expected_names_are_read_from_the_message() {
        let message = "unknown field `capasity-factor`, expected `k` or `capacity-factor`";
        let (_, nearest) = from_message(message).unwrap();
        assert_eq!(nearest, "capacity-factor");
        assert_eq!(
            from_message("invalid value: integer `0`, expected a nonzero usize"),
            None
        );
    }
}
