//! Settings on the command line, written as in a sweep file.

use serde::de::DeserializeOwned;

use crate::exit::{Exit, Expected};

/// A value of TOML on the command line.
pub(super) fn read<T: DeserializeOwned>(flag: &str, value: &str) -> Result<T, Expected> {
    let wrong = |problem: &dyn std::fmt::Display| {
        let help = "write it as in a sweep file; `xp schema --defaults` shows all settings";
        Expected::new(Exit::Usage, format!("{flag}: {problem}"), help)
    };
    let table: toml::Table =
        toml::from_str(&format!("value = {value}")).map_err(|error| wrong(&error.message()))?;
    let value = table["value"].clone();
    value
        .try_into()
        .map_err(|error: toml::de::Error| wrong(&error.message()))
}
