//! JSON in one form only: equal values give equal text.

use std::fmt::Write;

use serde_json::{Number, Value};

/// Writes JSON so that equal values give equal text, whatever made them.
///
/// Object keys are sorted by their bytes and there is no white space. A number without a fraction
/// is written as an integer (`1.0` is `1`), all others with the fewest digits that read back as
/// the same `f64`: plain from 1e-6 up to 1e21, with an exponent outside.
///
/// ```
/// # use serde_json::json;
/// let text = runstore::canonical_json(&json!({ "k": 2.0, "alpha": 0.01, "axes": [1, null] }));
/// assert_eq!(text, r#"{"alpha":0.01,"axes":[1,null],"k":2}"#);
/// ```
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value);
    text
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(map) => {
            // Sorted here because any dependency may switch on serde_json's `preserve_order`.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_bytes());
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_text(out, key);
                out.push(':');
                write_value(out, item);
            }
            out.push('}');
        }
    }
}

fn write_number(out: &mut String, number: &Number) {
    let written = if let Some(x) = number.as_u64() {
        write!(out, "{x}")
    } else if let Some(x) = number.as_i64() {
        write!(out, "{x}")
    } else {
        write_float(out, number.as_f64().unwrap_or(f64::NAN))
    };
    written.expect("writing to a String cannot fail");
}

fn write_float(out: &mut String, x: f64) -> std::fmt::Result {
    // The first floats past the ranges of u64 and i64.
    const PAST_U64: f64 = 18_446_744_073_709_551_616.0;
    const LEAST_I64: f64 = -9_223_372_036_854_775_808.0;
    let size = x.abs();
    if !x.is_finite() {
        write!(out, "null")
    } else if x.trunc().to_bits() == x.to_bits() && (0.0..PAST_U64).contains(&x) {
        write!(out, "{}", x as u64)
    } else if x.trunc().to_bits() == x.to_bits() && (LEAST_I64..=0.0).contains(&x) {
        write!(out, "{}", x as i64)
    } else if (1e-6..1e21).contains(&size) {
        write!(out, "{x}")
    } else {
        write!(out, "{x:e}")
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                write!(out, "\\u{:04x}", c as u32).expect("writing to a String cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn float(x: f64) -> String {
        canonical_json(&json!(x))
    }

    #[test]
    fn whole_numbers_have_one_form() {
        assert_eq!(float(1.0), "1");
        assert_eq!(canonical_json(&json!(1)), "1");
        assert_eq!(float(-3.0), "-3");
        assert_eq!(float(-0.0), "0");
        assert_eq!(canonical_json(&json!(-0.0)), canonical_json(&json!(0)));
        // 2^60 as a float and as an integer.
        assert_eq!(float(1_152_921_504_606_846_976.0), "1152921504606846976");
        assert_eq!(canonical_json(&json!(1_u64 << 60)), "1152921504606846976");
        assert_eq!(canonical_json(&json!(u64::MAX)), "18446744073709551615");
        assert_eq!(canonical_json(&json!(i64::MIN)), "-9223372036854775808");
    }

    #[test]
    fn fractions_take_the_fewest_digits() {
        assert_eq!(float(0.1), "0.1");
        assert_eq!(float(0.1 + 0.2), "0.30000000000000004");
        assert_eq!(float(3e-4), "0.0003");
        assert_eq!(float(1e-6), "0.000001");
        assert_eq!(float(1e-8), "1e-8");
        assert_eq!(float(1.5e-9), "1.5e-9");
        assert_eq!(float(1e30), "1e30");
    }

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let text =
            canonical_json(&json!({ "b": { "z": 1, "a": 2 }, "a": [{ "y": 1, "x": 2 }], "B": 0 }));
        assert_eq!(text, r#"{"B":0,"a":[{"x":2,"y":1}],"b":{"a":2,"z":1}}"#);
    }

    #[test]
    fn text_is_escaped_and_otherwise_kept() {
        assert_eq!(
            canonical_json(&json!("a\"\\\n\u{1}é")),
            "\"a\\\"\\\\\\n\\u0001é\""
        );
    }
}
