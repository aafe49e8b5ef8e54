//! What a person reads who wrote something else than a member of a family.

use registry::{Fraction, NonNegativeF64, OutOfRange, PositiveF64, Probability};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Plain {}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Room {
    capacity_factor: PositiveF64,
    seed: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            capacity_factor: PositiveF64::new(1.25),
            seed: 0,
        }
    }
}

registry::family! {
    /// Two members.
    pub(crate) enum Family: "strategy" {
        /// Nothing to set.
        Plain(Plain) = "plain",
        /// Two settings.
        Room(Room) = "with-sizes" | "sized",
    }
}

#[derive(Debug, Deserialize)]
struct File {
    member: Family,
}

fn read(text: &str) -> Family {
    let file: File = toml::from_str(text).unwrap_or_else(|error| panic!("{error}"));
    file.member
}

/// The whole message, place and caret included.
fn refused(text: &str) -> String {
    toml::from_str::<File>(text)
        .expect_err("it must be refused")
        .to_string()
}

#[test]
fn names_aliases_and_tables_read_as_the_same_member() {
    let seeded = Family::Room(Room {
        seed: 3,
        ..Room::default()
    });
    assert_eq!(read("member = 'plain'"), Family::Plain(Plain {}));
    assert_eq!(read("member = 'sized'"), Room::default().into());
    assert_eq!(read("member = { with-sizes = { seed = 3 } }"), seeded);
    assert_eq!(read("[member.sized]\nseed = 3"), seeded);
    // A whole number is a number.
    let whole = read("member = { sized = { capacity-factor = 2 } }");
    let Family::Room(sized) = &whole else {
        panic!("not the member that was named: {whole:?}");
    };
    assert_eq!(sized.capacity_factor, PositiveF64::new(2.0));
    assert_eq!(whole.name(), "with-sizes");
    assert_eq!(Family::WHAT, "strategy");
}

#[test]
fn an_unknown_name_lists_the_names_and_points_at_it() {
    let expected = "unknown strategy `sizes`, expected one of `plain`, `with-sizes`";
    for text in ["member = 'sizes'", "member = { sizes = {} }"] {
        let message = refused(text);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("line 1, column 1"), "{message}");
        assert!(message.contains('^'), "{message}");
    }
}

#[test]
fn a_second_name_is_refused() {
    let message = refused("member = { plain = {}, sized = {} }");
    let expected = "a strategy has one name, found `plain` and `sized`";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn no_name_at_all_is_refused() {
    let message = refused("member = {}");
    assert!(
        message.contains("expected the name of a strategy"),
        "{message}"
    );
}

#[test]
fn another_type_says_what_was_expected() {
    let message = refused("member = 3");
    let expected = "expected the name of a strategy, or a table whose one key is the name of a \
                    strategy";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("integer `3`"), "{message}");
}

#[test]
fn an_unknown_setting_names_the_known_ones() {
    let message = refused("member = { sized = { speed = 3 } }");
    assert!(message.contains("unknown field `speed`"), "{message}");
    assert!(message.contains("`capacity-factor`"), "{message}");
}

#[test]
fn a_number_out_of_range_says_the_range_and_the_number() {
    for (written, got) in [("0", "0"), ("-1.5", "-1.5"), ("inf", "inf"), ("nan", "NaN")] {
        let text = format!("member = {{ sized = {{ capacity-factor = {written} }} }}");
        let message = refused(&text);
        let expected = format!("must be a finite number greater than 0, got {got}");
        assert!(message.contains(&expected), "{message}");
        // The caret stands under the line of the setting.
        assert!(
            message.contains("capacity-factor") && message.contains('^'),
            "{message}"
        );
    }
}

#[test]
fn ranges_end_where_they_say() {
    let message = |error: Result<f64, OutOfRange>| error.expect_err("out of range").to_string();
    let probability = |value| Probability::try_from(value).map(Probability::get);
    for inside in [0.0, -0.0, 0.5, 1.0] {
        assert_eq!(probability(inside), Ok(inside));
    }
    for outside in [
        -f64::MIN_POSITIVE,
        1.0 + f64::EPSILON,
        f64::NAN,
        f64::INFINITY,
    ] {
        let text = message(probability(outside));
        assert_eq!(text, format!("must be a number from 0 to 1, got {outside}"));
    }
    assert_eq!(Fraction::try_from(0.0).map(Fraction::get), Ok(0.0));
    assert_eq!(
        message(Fraction::try_from(1.0).map(Fraction::get)),
        "must be a number from 0 to below 1, got 1"
    );
    let positive = |value| PositiveF64::try_from(value).map(PositiveF64::get);
    assert_eq!(positive(f64::MIN_POSITIVE), Ok(f64::MIN_POSITIVE));
    assert!(positive(0.0).is_err() && positive(f64::INFINITY).is_err());
    let not_negative = |value| NonNegativeF64::try_from(value).map(NonNegativeF64::get);
    assert_eq!(not_negative(0.0), Ok(0.0));
    assert_eq!(
        message(not_negative(-1.0)),
        "must be a finite number of at least 0, got -1"
    );
}

#[test]
fn a_member_is_written_under_its_own_name_with_all_settings() {
    let written = serde_json::to_string(&read("member = 'sized'")).expect("JSON");
    assert_eq!(
        written,
        r#"{"with-sizes":{"capacity-factor":1.25,"seed":0}}"#
    );
}

#[test]
fn the_schema_allows_a_name_or_a_table_of_one_key() {
    let schema = serde_json::to_value(schemars::schema_for!(Family)).expect("JSON");
    let forms = schema["anyOf"].as_array().expect("the forms");
    assert_eq!(forms[0]["enum"], serde_json::json!(["plain", "with-sizes"]));
    assert_eq!(forms[2]["description"], "Two settings.");
    assert_eq!(forms[2]["required"], serde_json::json!(["with-sizes"]));
    assert_eq!(forms[2]["additionalProperties"], false);
}
