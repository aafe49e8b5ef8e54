//! The macro that turns one declaration into the row, its schema and its conversions.

/// Declares a table: the row's struct, its schema, its conversions.
///
/// A column is its doc comment, its name, its Rust type (`String`, `u64`, `bool`, an
/// `Option` of one of them, or `Option<f64>`) and, where it has one, `= "unit"`. After the key a table may say when
/// its file is there: see [`Presence`](crate::tables::Presence).
macro_rules! table {
    (
        $(#[doc = $about:literal])+
        pub struct $row:ident in $table:literal, minor $minor:literal, by ($($key:ident),+) $(, $presence:ident)? {
            $($group:literal {
                $(
                    $(#[doc = $doc:literal])+
                    $field:ident: $ty:ty $(= $unit:literal)?
                ),+ $(,)?
            })+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(default)]
        pub struct $row {
            $($(
                $(#[doc = $doc])+
                pub $field: $ty,
            )+)+
        }

        impl $crate::tables::Row for $row {
            const SCHEMA: $crate::tables::TableSchema = $crate::tables::TableSchema {
                name: $table,
                doc: concat!($($about),+).trim_ascii(),
                minor: $minor,
                key: &[$(stringify!($key)),+],
                presence: $crate::tables::declare::table!(@presence $($presence)?),
                columns: &[$($(
                    $crate::tables::ColumnSchema {
                        name: stringify!($field),
                        group: $group,
                        kind: <$ty as $crate::tables::Cell>::KIND,
                        nullable: <$ty as $crate::tables::Cell>::NULLABLE,
                        unit: concat!($($unit)?),
                        doc: concat!($($doc),+).trim_ascii(),
                    },
                )+)+],
            };

            fn values(&self) -> Vec<$crate::tables::Value> {
                vec![$($($crate::tables::Cell::to_value(&self.$field),)+)+]
            }

            fn from_values(values: Vec<$crate::tables::Value>) -> Result<Self, $crate::Error> {
                let mut values = values.into_iter();
                Ok(Self {
                    $($($field: {
                        let value = values.next().unwrap_or($crate::tables::Value::Null);
                        let found = value.describe();
                        <$ty as $crate::tables::Cell>::from_value(value).ok_or_else(|| {
                            $crate::Error::Cell {
                                table: $table,
                                column: stringify!($field),
                                expected: <$ty as $crate::tables::Cell>::KIND,
                                found,
                            }
                        })?
                    },)+)+
                })
            }

            fn key_order(&self, other: &Self) -> std::cmp::Ordering {
                std::cmp::Ordering::Equal$(.then_with(|| self.$key.cmp(&other.$key)))+
            }

            fn set(&mut self, column: &str, value: $crate::tables::Value) -> bool {
                match column {
                    $($(stringify!($field) => {
                        let cell = <$ty as $crate::tables::Cell>::from_value(value);
                        cell.map(|cell| self.$field = cell).is_some()
                    })+)+
                    _ => false,
                }
            }

            fn value(&self, column: &str) -> Option<$crate::tables::Value> {
                match column {
                    $($(stringify!($field) => {
                        Some($crate::tables::Cell::to_value(&self.$field))
                    })+)+
                    _ => None,
                }
            }
        }
    };
    (@presence) => { $crate::tables::Presence::Always };
    (@presence later) => { $crate::tables::Presence::Later };
    (@presence filled) => { $crate::tables::Presence::Filled };
}

pub(crate) use table;
