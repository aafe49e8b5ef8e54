//! JSON, changed: values that nobody wrote, or bytes that are no JSON.

use serde_json::{Map, Value, json};
use testkit::Generator;

use crate::mutation::below;

/// Values that were trouble somewhere.
fn hostile(generator: &mut Generator) -> Value {
    let number = generator.next_u64();
    let values = [
        json!(0),
        json!(-1),
        json!(1),
        json!(2),
        json!(3),
        json!(255),
        json!(1 << 24),
        json!((1 << 24) + 1),
        json!(1u64 << 32),
        json!(1u64 << 53),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(number),
        json!(number % 100),
        json!(0.5),
        json!(1e308),
        json!(-1e-308),
        Value::Null,
        json!(true),
        json!(false),
        json!(""),
        json!("F64"),
        json!("I32"),
        json!("BF16"),
        json!("silu"),
        json!("../config.json"),
        json!("config.json"),
        json!("model-0.safetensors"),
        json!("a/b"),
        json!("\u{0}\u{feff}\u{1f980}"),
        json!("x".repeat((number % 3000) as usize)),
        json!([]),
        json!([0, 0]),
        json!([1 << 24, 1 << 24, 1 << 24]),
        json!([u64::MAX, 2]),
        json!([0, u64::MAX]),
        json!([number % 50, number % 90]),
        json!({}),
        json!({"dtype": "F32", "shape": [], "data_offsets": [0, 4]}),
        json!({"rope_theta": number % 3, "rope_type": "default"}),
    ];
    values[below(generator, values.len())].clone()
}

/// The text with one to three changes.
pub(crate) fn changed(text: &[u8], generator: &mut Generator) -> Vec<u8> {
    if below(generator, 3) == 0 {
        return damaged(text, generator);
    }
    let mut value: Value = serde_json::from_slice(text).expect("JSON");
    for _ in 0..=below(generator, 3) {
        let places = places(&value);
        let place = below(generator, places);
        change(&mut value, place, generator);
    }
    value.to_string().into_bytes()
}

/// How many values there are in a value, itself included.
fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(places).sum(),
        Value::Object(values) => values.values().map(places).sum(),
        _ => 0,
    }
}

/// Changes the value of this number, counted from the outside and from the left.
fn change(value: &mut Value, place: usize, generator: &mut Generator) {
    if place == 0 {
        *value = if below(generator, 20) == 0 {
            (0..200).fold(hostile(generator), |inner, _| json!([inner]))
        } else {
            hostile(generator)
        };
        return;
    }
    let mut left = place - 1;
    match value {
        Value::Array(values) => {
            for value in values {
                match left.checked_sub(places(value)) {
                    Some(rest) => left = rest,
                    None => return change(value, left, generator),
                }
            }
        }
        Value::Object(values) => {
            let keys: Vec<String> = values.keys().cloned().collect();
            for key in keys {
                match left.checked_sub(places(&values[&key])) {
                    Some(rest) => left = rest,
                    None => return change_entry(values, &key, left, generator),
                }
            }
        }
        _ => unreachable!("a value without values has one place"),
    }
}

/// Changes an entry: its value, its name, or whether it is there.
fn change_entry(
    values: &mut Map<String, Value>,
    key: &str,
    place: usize,
    generator: &mut Generator,
) {
    match below(generator, 6) {
        0 => {
            values.remove(key);
        }
        1 => {
            let value = values.remove(key).expect("it is there");
            let keys: Vec<String> = values.keys().cloned().collect();
            let name = match below(generator, 3) {
                0 if !keys.is_empty() => keys[below(generator, keys.len())].clone(),
                1 => format!("{key}0"),
                _ => "__metadata__".to_owned(),
            };
            values.insert(name, value);
        }
        2 => {
            let value = values[key].clone();
            values.insert(format!("{key}.{}", generator.next_u64()), value);
        }
        _ => change(values.get_mut(key).expect("it is there"), place, generator),
    }
}

/// The text with bytes flipped, left out, doubled or cut off.
fn damaged(text: &[u8], generator: &mut Generator) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..=below(generator, 3) {
        let place = below(generator, text.len());
        match below(generator, 5) {
            0 => text.truncate(place),
            1 if !text.is_empty() => {
                text.remove(place);
            }
            2 => text.insert(place, generator.next_u64() as u8),
            3 => {
                let end = text.len().min(place + below(generator, 60));
                let again = text[place.min(end)..end].to_vec();
                text.splice(place..place, again);
            }
            _ if !text.is_empty() => text[place] ^= 1 << below(generator, 8),
            _ => {}
        }
    }
    text
}
