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

/// Words for what was found, and what they are in a sweep file.
const FOUND: [(&str, &str); 9] = [
    (" as i128", ""),
    (" as u128", ""),
    ("invalid type: sequence", "invalid type: list"),
    ("invalid type: map", "invalid type: table"),
    ("floating point `", "number `"),
    ("unknown field", "unknown setting"),
    ("unknown variant", "unknown value"),
    ("missing field", "missing setting"),
    ("wanted string or table", "expected a name"),
];

/// The message in plain words: what was found, and `expected TYPE`.
pub(crate) fn plain(message: &str) -> String {
    let (found, expected) = match message.rsplit_once("expected ") {
        Some((found, expected)) => (found, Some(expected)),
        None => (message, None),
    };
    let replaced = |text: String, (word, plain): &(&str, &str)| text.replace(word, plain);
    let found = FOUND.iter().fold(found.to_owned(), replaced);
    match expected {
        Some(expected) => format!("{found}expected {}", wanted(expected)),
        None => found,
    }
}

fn wanted(expected: &str) -> String {
    // A table of settings, by the name that it has in the program.
    if let Some(rest) = expected.strip_prefix("struct ") {
        let end = rest.find([',', ' ', '\n']).unwrap_or(rest.len());
        return format!("a table such as `{{ name = 1 }}`{}", &rest[end..]);
    }
    let known = TYPES.iter().find(|(name, _)| {
        let rest = expected.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([',', ' ', '\n']))
    });
    match known {
        Some((name, words)) => format!("{words}{}", &expected[name.len()..]),
        None => expected.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use toml::{Spanned, de::DeValue};

    use super::*;
    use crate::{
        config::{join, tree},
        jobs::{JobKind, JobSettings},
        schema::SettingsSchema,
    };

    /// Every setting and table of settings, by path.
    fn paths(schema: &SettingsSchema, table: &Value, path: &str, found: &mut Vec<String>) {
        let table = schema.given(table);
        for member in schema.members(table).into_iter().flatten() {
            paths(schema, member.settings, &join(path, member.name), found);
        }
        let properties = schema.follow(table)["properties"].as_object();
        for (key, property) in properties.into_iter().flatten() {
            let path = join(path, key);
            paths(schema, property, &path, found);
            found.push(path);
        }
    }

    #[test]
    fn no_wrong_value_of_any_setting_is_told_in_words_of_the_program() {
        const OURS: [&str; 16] = [
            "struct", "enum", "variant", "tuple", "map", "newtype", "unit", "field", "sequence",
            "i128", "u128", "i64", "u64", "usize", "f64", "nonzero",
        ];
        let wrong = [
            "-1",
            "0.5",
            "99999999999999999999",
            "true",
            "'x'",
            "[]",
            "[1]",
            "['x']",
            "[{ x = 1 }]",
            "{}",
            "{ x = 1 }",
            "{ x = {} }",
            "1979-05-27",
            "nan",
        ];
        let mut told = 0;
        for job in JobKind::ALL {
            let schema = SettingsSchema::of(job);
            let mut all = Vec::new();
            paths(&schema, schema.root(), "", &mut all);
            for (path, value) in all.iter().flat_map(|path| wrong.map(|value| (path, value))) {
                let value = DeValue::parse(value).unwrap();
                let value = Spanned::new(value.span(), value.into_inner());
                let Err(error) = JobSettings::read(job, tree::single(path, &(0..1), value)) else {
                    continue;
                };
                told += 1;
                let said = plain(error.message());
                // Between backticks stand names and values of the file.
                let plain: String = said.split('`').step_by(2).collect();
                let words: Vec<&str> = plain.split(|c: char| !c.is_alphanumeric()).collect();
                let ours: Vec<_> = OURS.iter().filter(|word| words.contains(word)).collect();
                assert!(ours.is_empty(), "{path}: {said}");
            }
        }
        assert!(told > 1000, "{told}");
    }

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
                "unknown setting `a`, expected `b` or `c`",
            ),
            ("out of range", "out of range"),
        ] {
            assert_eq!(plain(said), plain_words);
        }
    }
}
