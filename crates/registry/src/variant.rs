//! Reading one member of a family: a bare name, or a table with one key.

use std::{fmt, marker::PhantomData};

use schemars::{Schema, json_schema};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

/// One line of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The name written in TOML and in result tables.
    pub name: &'static str,
    /// Other names that are read, for instance those of a source document.
    pub aliases: &'static [&'static str],
    /// The first sentence of the member's documentation.
    pub summary: &'static str,
}

impl Member {
    /// Removes the space that a doc comment starts with.
    #[must_use]
    pub const fn trim(summary: &'static str) -> &'static str {
        summary.trim_ascii()
    }
}

/// A configuration enum made by [`family!`](crate::family).
pub trait Variant: Sized {
    /// Every member, in the order of the registry.
    const MEMBERS: &'static [Member];

    /// The named member with all its defaults.
    fn by_default(name: &str) -> Option<Self>;

    /// The named member read from its table.
    fn read<'de, D: Deserializer<'de>>(name: &str, table: D) -> Option<Result<Self, D::Error>>;
}

/// Reads a member of a family; the family is called `what` in messages.
pub fn read_variant<'de, V: Variant, D: Deserializer<'de>>(
    deserializer: D,
    what: &'static str,
) -> Result<V, D::Error> {
    deserializer.deserialize_any(NameOrTable {
        what,
        variant: PhantomData,
    })
}

struct NameOrTable<V> {
    what: &'static str,
    variant: PhantomData<V>,
}

fn unknown<V: Variant, E: Error>(what: &str, name: &str) -> E {
    let names: Vec<_> = V::MEMBERS
        .iter()
        .map(|member| format!("`{}`", member.name))
        .collect();
    E::custom(format_args!(
        "unknown {what} `{name}`, expected one of {}",
        names.join(", ")
    ))
}

impl<'de, V: Variant> Visitor<'de> for NameOrTable<V> {
    type Value = V;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the name of a {0}, or a table whose one key is the name of a {0}",
            self.what
        )
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<V, E> {
        V::by_default(name).ok_or_else(|| unknown::<V, E>(self.what, name))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V, A::Error> {
        let seed = KnownName::<V> {
            what: self.what,
            variant: PhantomData,
        };
        let Some(name) = map.next_key_seed(seed)? else {
            return Err(A::Error::custom(format_args!(
                "expected the name of a {}",
                self.what
            )));
        };
        let value = map.next_value_seed(Table {
            name: &name,
            variant: PhantomData::<V>,
        })?;
        if let Some(extra) = map.next_key::<String>()? {
            return Err(A::Error::custom(format_args!(
                "a {} has one name, found `{name}` and `{extra}`",
                self.what
            )));
        }
        Ok(value)
    }
}

/// Checks the name while the key is read, so that the error points at the key.
struct KnownName<V> {
    what: &'static str,
    variant: PhantomData<V>,
}

impl<'de, V: Variant> DeserializeSeed<'de> for KnownName<V> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let name = <String as serde::Deserialize>::deserialize(deserializer)?;
        if V::by_default(&name).is_none() {
            return Err(unknown::<V, D::Error>(self.what, &name));
        }
        Ok(name)
    }
}

struct Table<'a, V> {
    name: &'a str,
    variant: PhantomData<V>,
}

impl<'de, V: Variant> DeserializeSeed<'de> for Table<'_, V> {
    type Value = V;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V, D::Error> {
        V::read(self.name, deserializer).expect("the key was checked against the registry")
    }
}

/// The schema of a family: any of its names, or a table with one of them as its key.
pub fn member_schema(members: Vec<(&str, &str, Schema)>) -> Schema {
    let names: Vec<_> = members.iter().map(|(name, ..)| *name).collect();
    let mut any = vec![json_schema!({ "type": "string", "enum": names })];
    any.extend(members.into_iter().map(|(name, summary, schema)| {
        json_schema!({
            "type": "object",
            "description": summary,
            "properties": { name: schema },
            "required": [name],
            "additionalProperties": false,
        })
    }));
    json_schema!({ "anyOf": any })
}
