//! The header of a safetensors file: which tensor is where.

use std::{collections::BTreeMap, fmt};

use safetensors::tensor::TensorInfo;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

/// What stands among the tensors and is none.
const METADATA: &str = "__metadata__";

/// The tensors of a file by name. Read by itself and not by the format's own library, whose messages
/// do not say which tensor is wrong.
#[derive(Debug)]
pub(crate) struct Header(pub(crate) BTreeMap<String, TensorInfo>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Tensors)
    }
}

struct Tensors;

impl<'de> Visitor<'de> for Tensors {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut tensors = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == METADATA {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let info: TensorInfo = map
                .next_value()
                .map_err(|error| A::Error::custom(format!("`{name}`: {error}")))?;
            if tensors.contains_key(&name) {
                return Err(A::Error::custom(format!("`{name}` stands there twice")));
            }
            tensors.insert(name, info);
        }
        Ok(Header(tensors))
    }
}

impl Header {
    /// Holds the places of the tensors against their shapes and the `length` of the data: one must
    /// begin where the other ends.
    pub(crate) fn check(&self, length: u64) -> Result<(), String> {
        let mut places: Vec<_> = self.0.iter().collect();
        places.sort_by_key(|(_, info)| info.data_offsets);
        let mut end = 0;
        for (name, info) in places {
            let (from, to) = info.data_offsets;
            if from != end || to < from {
                return Err(format!(
                    "`{name}` stands from {from} to {to}, and what is before it ends at {end}"
                ));
            }
            let size = size(info);
            if size != Some(to - from) {
                let (dtype, shape) = (info.dtype, &info.shape);
                return Err(format!(
                    "`{name}`, {dtype:?} of shape {shape:?}, does not have the {} bytes of its place",
                    to - from
                ));
            }
            end = to;
        }
        if end as u64 == length {
            return Ok(());
        }
        Err(format!(
            "its tensors have {end} bytes, and {length} follow its header"
        ))
    }
}

/// The bytes of a tensor, if they are a number of bytes.
fn size(info: &TensorInfo) -> Option<usize> {
    let mut sizes = info.shape.iter().copied();
    let numbers = sizes.try_fold(1usize, usize::checked_mul)?;
    let bits = numbers.checked_mul(info.dtype.bitsize())?;
    bits.is_multiple_of(8).then_some(bits / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: &str, length: u64) -> String {
        match serde_json::from_str::<Header>(json) {
            Ok(header) => header.check(length).expect_err("a problem"),
            Err(error) => error.to_string(),
        }
    }

    fn tensor(name: &str, shape: &str, place: &str) -> String {
        format!(r#""{name}":{{"dtype":"F16","shape":{shape},"data_offsets":{place}}}"#)
    }

    #[test]
    fn tensors_follow_one_another() {
        let [a, b] = [tensor("a", "[2,3]", "[4,16]"), tensor("b", "[2]", "[0,4]")];
        let header = format!(r#"{{"__metadata__":{{"format":"pt"}},{a},{b}}}"#);
        let header: Header = serde_json::from_str(&header).expect("a header");
        assert_eq!(header.check(16), Ok(()));
        assert_eq!(header.0["a"].shape, [2, 3]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let a = tensor("a", "[2]", "[0,4]");
        for (second, words) in [
            // A hole, an overlap, an end before its beginning, another size.
            (tensor("b", "[2]", "[6,10]"), ["`b`", "ends at 4"]),
            (tensor("b", "[2]", "[2,6]"), ["`b`", "ends at 4"]),
            (tensor("b", "[2]", "[4,2]"), ["`b`", "from 4 to 2"]),
            (tensor("b", "[3]", "[4,8]"), ["`b`", "4 bytes"]),
            (
                tensor("b", "[4294967296,4294967296,2]", "[4,8]"),
                ["`b`", "4 bytes"],
            ),
            (tensor("b", "[1]", "[4,6]"), ["6 bytes", "8 follow"]),
            (tensor("b", "[-1]", "[4,8]"), ["`b`", "-1"]),
            (tensor("a", "[2]", "[4,8]"), ["`a`", "twice"]),
            (
                r#""b":{"dtype":"F7","shape":[],"data_offsets":[4,8]}"#.to_owned(),
                ["`b`", "F7"],
            ),
        ] {
            let found = problem(&format!("{{{a},{second}}}"), 8);
            for word in words {
                assert!(found.contains(word), "no {word} in: {found}");
            }
        }
        assert!(problem("[]", 0).contains("tensors by name"));
    }
}
