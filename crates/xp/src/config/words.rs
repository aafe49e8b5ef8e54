//! What a reader of tables says, in the words of those who write them.

/// Types of the program, and what they are in a sweep file. The longer names come first.
const TYPES: [(&str, &str); 18] = [
    ("a nonzero usize", "a whole number from 1"),
    ("a nonzero u64", "a whole number from 1"),
    ("a nonzero u32", "a whole number from 1"),
    ("a nonzero i64", "a whole number other than 0"),
    ("usize", "a whole number from 0"),
    ("u64", "a whole number from 0"),
    ("u32", "a whole number from 0"),
    ("u16", "a whole number from 0 to 65,535"),
    ("u8", "a whole number from 0 to 255"),
    ("i64", "a whole number"),
    ("f64", "a number"),
    ("f32", "a number"),
    ("a boolean", "`true` or `false`"),
    ("a string", "text in quotes"),
    ("a sequence", "a list such as `[17, 18]`"),
    ("a map", "a table such as `{ name = 1 }`"),
    ("a floating point number", "a number"),
    ("any valid TOML value", "a value"),
];

/// The message with `expected TYPE` in plain words.
pub(super) fn plain(message: &str) -> String {
    let Some((before, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    let known = TYPES.iter().find(|(name, _)| {
        expected == *name
            || expected
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with([',', ' ', '\n']))
    });
    let before = before
        .replace("sequence", "list")
        .replace("floating point `", "number `");
    match known {
        Some((name, words)) => format!("{before}expected {words}{}", &expected[name.len()..]),
        None => format!("{before}expected {expected}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_in_plain_words() {
        for (said, plain_words) in [
            (
                "invalid value: integer `0`, expected a nonzero usize",
                "invalid value: integer `0`, expected a whole number from 1",
            ),
            (
                "invalid type: integer `17`, expected a sequence",
                "invalid type: integer `17`, expected a list such as `[17, 18]`",
            ),
            (
                "invalid type: string \"x\", expected f64",
                "invalid type: string \"x\", expected a number",
            ),
            (
                "unknown field `a`, expected `b` or `c`",
                "unknown field `a`, expected `b` or `c`",
            ),
            ("out of range", "out of range"),
        ] {
            assert_eq!(plain(said), plain_words);
        }
    }
}
