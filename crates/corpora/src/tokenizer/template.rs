//! What a tokenizer file puts around texts.

use std::collections::BTreeSet;

use serde_json::Value;

/// Why the templates of a file cannot be filled, if so: each token that one names must be among its
/// `special_tokens`, and the one for a text by itself has the sequence A alone.
///
/// The library takes both for granted and panics at the first text.
pub(super) fn fault(file: &Value) -> Option<String> {
    of_processor(file.get("post_processor")?)
}

fn of_processor(processor: &Value) -> Option<String> {
    if let Some(parts) = processor.get("processors").and_then(Value::as_array) {
        return parts.iter().find_map(of_processor);
    }
    let tokens = processor.get("special_tokens").and_then(Value::as_object);
    let tokens: BTreeSet<&str> = tokens
        .into_iter()
        .flatten()
        .map(|(name, _)| &**name)
        .collect();
    ["single", "pair"].into_iter().find_map(|name| {
        let pieces = processor.get(name)?.as_array()?;
        let id = |piece: &Value, kind: &str| Some(piece.get(kind)?.get("id")?.as_str()?.to_owned());
        pieces.iter().find_map(|piece| {
            let token = id(piece, "SpecialToken").filter(|token| !tokens.contains(token.as_str()));
            let second = id(piece, "Sequence").filter(|text| name == "single" && text != "A");
            match (token, second) {
                (Some(token), _) => Some(format!(
                    "the template `{name}` of its post_processor puts the token {token:?}, which is \
                     not among its special_tokens"
                )),
                (None, Some(text)) => Some(format!(
                    "the template `single` of its post_processor asks for the sequence {text:?}, and \
                     there is A alone"
                )),
                (None, None) => None,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::fault;

    #[test]
    fn a_template_names_tokens_that_are_there() {
        let of = |single: &str, sequence: &str| {
            fault(
                &json!({"post_processor": {"type": "Sequence", "processors": [
                {"type": "ByteLevel"},
                {"type": "TemplateProcessing",
                 "single": [{"SpecialToken": {"id": single, "type_id": 0}},
                            {"Sequence": {"id": sequence, "type_id": 0}}],
                 "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                 "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}}]}}),
            )
        };
        assert_eq!(of("[CLS]", "A"), None);
        assert!(of("[CLs]", "A").unwrap().contains("\"[CLs]\""));
        assert!(of("[CLS]", "B").unwrap().contains("sequence \"B\""));
        assert_eq!(fault(&json!({"post_processor": null})), None);
        assert_eq!(fault(&json!({})), None);
    }
}
