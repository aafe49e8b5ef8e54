//! Families of named variants: one enum, its TOML names and its schema from one list.
//!
//! A sweep file names members of families: scorers, strategies, balancers, corpora. [`family!`]
//! turns one list into the configuration enum of a family, so that a new member is one line:
//!
//! ```
//! # use schemars::JsonSchema; use serde::{Deserialize, Serialize};
//! #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
//! pub struct Top1Config {}
//!
//! #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
//! pub struct HashConfig { pub table_seed: u64 }
//!
//! registry::family! {
//!     /// How tokens choose experts.
//!     pub enum StrategyConfig: "strategy" {
//!         /// The best expert.
//!         Top1(Top1Config) = "top1",
//!         /// A fixed table.
//!         Hash(HashConfig) = "hash" | "token-hash",
//!     }
//! }
//!
//! let table: toml::Table = toml::from_str("a = 'top1'\nb = { hash = { table-seed = 3 } }").unwrap();
//! let a: StrategyConfig = table["a"].clone().try_into().unwrap();
//! let b: StrategyConfig = table["b"].clone().try_into().unwrap();
//! assert_eq!(a, StrategyConfig::Top1(Top1Config {}));
//! assert_eq!(b.name(), "hash");
//! assert_eq!(StrategyConfig::MEMBERS[1].summary, "A fixed table.");
//! ```
//!
//! In TOML a member is its name (`"hash"`, all defaults) or a table with that one key
//! (`{ hash = { table-seed = 3 } }`). Aliases are read, never written.

mod count;
mod range;
mod slip;
mod variant;

pub use count::Count;
pub use range::{Fraction, NonNegativeF64, OutOfRange, PositiveF64, Probability};
pub use slip::nearest;
pub use variant::{Member, Variant};

#[doc(hidden)]
pub mod __private {
    pub use crate::variant::{member_schema, read_variant};
    pub use schemars;
    pub use serde;
}

/// Declares the configuration enum of a family; see the [crate documentation](crate).
#[macro_export]
macro_rules! family {
    (
        $(#[$meta:meta])*
        $vis:vis enum $family:ident : $what:literal {
            $(
                #[doc = $summary:literal]
                $(#[doc = $more:literal])*
                $member:ident($config:ty) = $name:literal $(| $alias:literal)*
            ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $vis enum $family {
            $(
                #[doc = $summary]
                $(#[doc = $more])*
                $member($config),
            )+
        }

        impl $family {
            /// What the family is called in messages.
            pub const WHAT: &'static str = $what;

            /// Every member, in the order of the registry.
            pub const MEMBERS: &'static [$crate::Member] = &[
                $($crate::Member {
                    name: $name,
                    aliases: &[$($alias),*],
                    summary: $crate::Member::trim($summary),
                }),+
            ];

            /// The member's name in TOML and in result tables.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$member(_) => $name),+ }
            }
        }

        $(
            impl From<$config> for $family {
                fn from(config: $config) -> Self { Self::$member(config) }
            }
        )+

        impl $crate::Variant for $family {
            const MEMBERS: &'static [$crate::Member] = Self::MEMBERS;

            fn by_default(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $alias)* => Some(Self::$member(<$config>::default())),)+
                    _ => None,
                }
            }

            fn read<'de, D: $crate::__private::serde::Deserializer<'de>>(
                name: &str,
                table: D,
            ) -> Option<Result<Self, D::Error>> {
                use $crate::__private::serde::Deserialize;
                match name {
                    $($name $(| $alias)* => Some(<$config>::deserialize(table).map(Self::$member)),)+
                    _ => None,
                }
            }
        }

        impl $crate::__private::serde::Serialize for $family {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                use $crate::__private::serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(Some(1))?;
                match self { $(Self::$member(config) => map.serialize_entry($name, config)?),+ }
                map.end()
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $family {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                $crate::__private::read_variant(deserializer, $what)
            }
        }

        impl $crate::__private::schemars::JsonSchema for $family {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($family).into()
            }

            fn json_schema(
                generator: &mut $crate::__private::schemars::SchemaGenerator,
            ) -> $crate::__private::schemars::Schema {
                let members = vec![
                    $(($name, $crate::Member::trim($summary), generator.subschema_for::<$config>())),+
                ];
                $crate::__private::member_schema(members)
            }
        }
    };
}
