//! Settings that stand on a command line as they would in a sweep file.

use serde::de::DeserializeOwned;

use crate::config::{did_you_mean, plain};

/// A value of TOML; what is wrong with it in the words of sweep files.
pub(crate) fn value<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let wrong = |error: &toml::de::Error| {
        let said = plain(error.message().trim_end());
        match did_you_mean(&said) {
            Some(nearest) => format!("{said}; did you mean `{nearest}`?"),
            None => said,
        }
    };
    let mut table: toml::Table =
        toml::from_str(&format!("value = {text}")).map_err(|error| wrong(&error))?;
    let value = table.remove("value").unwrap_or(toml::Value::Boolean(false));
    value.try_into().map_err(|error| wrong(&error))
}

/// A member of a family: a table with that one key, or its name, which needs no quotes here.
pub(crate) fn member<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    if text.starts_with('{') {
        value(text)
    } else {
        value(&format!("{text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use moe_layer::{RouterInit, SharedGate};
    use routers::RouterConfig;

    use super::*;

    #[test]
    fn slips_are_told_as_in_a_sweep_file() {
        let router = |text: &str| value::<RouterConfig>(&format!("{{ {text} }}"));
        assert!(router("scorer = 'mlp', gate = 'raw'").is_ok());
        for (text, words) in [
            ("gates = 'raw'", "did you mean `gate`?"),
            (
                "scorer = { mlp = { hidden = 0 } }",
                "expected a whole number from 1",
            ),
            (
                "strategy = { hash = { table-seed = -1 } }",
                "expected a whole number from 0",
            ),
        ] {
            let said = router(text).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(member("fresh"), Ok(SharedGate::Fresh));
        let said = member::<RouterInit>("distl").unwrap_err();
        assert!(said.contains("did you mean `distil`?"), "{said}");
        let said = member::<RouterInit>("{ distil = { fit = { steps = -1 } } }").unwrap_err();
        assert!(said.contains("whole number"), "{said}");
    }
}
