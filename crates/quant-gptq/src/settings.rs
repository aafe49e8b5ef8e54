//! What a checkpoint says of its packing.

use std::{fs, num::NonZeroUsize, path::Path};

use serde::Deserialize;
use serde_json::Value;
use weights::{Checkpoint, WeightsError};

use crate::ZeroFormat;

/// Where the settings stand, the first that is there: `config.json` under `quantization_config`, or a file of
/// their own, as AutoGPTQ writes it.
const OWN_FILE: &str = "quantize_config.json";

/// How the packed maps of a checkpoint are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedSettings {
    /// Inputs of a group where no `g_idx` says; all of them where there is none.
    pub group_size: Option<NonZeroUsize>,
    /// Whether every zero must be 8.
    pub symmetric: bool,
    /// How zeros are held.
    pub zeros: ZeroFormat,
    /// Whether groups are of inputs that were sorted first, so that `g_idx` alone knows them.
    pub by_activation: bool,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    quant_method: Option<String>,
    #[serde(default)]
    bits: Option<u64>,
    #[serde(default)]
    group_size: Option<i64>,
    #[serde(default = "yes")]
    sym: bool,
    #[serde(default)]
    desc_act: bool,
    #[serde(default)]
    static_groups: bool,
    #[serde(default)]
    checkpoint_format: Option<String>,
}

const fn yes() -> bool {
    true
}

impl PackedSettings {
    /// Those of the folder that these files are of; nothing for a model that is not quantised.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or asks for what is not read here: another method, other bits, another
    /// format; and when there are packed maps, and nothing says how.
    pub fn of_files(folder: &Path, files: &Checkpoint) -> Result<Option<Self>, WeightsError> {
        let settings = Self::read(folder)?;
        let packed = files.names().find(|name| name.ends_with(".qweight"));
        match packed {
            Some(name) if settings.is_none() => Err(files.senseless(
                name,
                format!(
                    "is packed, and neither `quantization_config` in config.json nor {OWN_FILE} says how; \
                     copy it from where the model is from"
                ),
            )),
            _ => Ok(settings),
        }
    }

    fn read(folder: &Path) -> Result<Option<Self>, WeightsError> {
        let config = folder.join("config.json");
        let found = json(&config)?;
        if let Some(found) = found
            .get("quantization_config")
            .filter(|found| !found.is_null())
        {
            return Self::of(found, &config).map(Some);
        }
        let own = folder.join(OWN_FILE);
        if own.exists() {
            return Self::of(&json(&own)?, &own).map(Some);
        }
        Ok(None)
    }

    fn of(value: &Value, path: &Path) -> Result<Self, WeightsError> {
        let refused = |problem: String| WeightsError::Config {
            path: path.to_owned(),
            problem,
            expected: "a model in four bits of GPTQ",
        };
        let written = Written::deserialize(value)
            .map_err(|error| refused(format!("quantisation: {error}")))?;
        if let Some(method) = written.quant_method.filter(|method| method != "gptq") {
            return Err(refused(format!(
                "`quant_method` is {method:?}, and `gptq` is read"
            )));
        }
        let missing = |key: &str| refused(format!("`{key}` of the quantisation is missing"));
        let bits = written.bits.ok_or_else(|| missing("bits"))?;
        if bits != 4 {
            return Err(refused(format!("`bits` is {bits}, and 4 are read")));
        }
        let group_size = match written.group_size.ok_or_else(|| missing("group_size"))? {
            -1 => None,
            size => match usize::try_from(size).ok().and_then(NonZeroUsize::new) {
                Some(size) => Some(size),
                None => {
                    return Err(refused(format!(
                        "`group_size` is {size}; it is a number of inputs, or -1 for all"
                    )));
                }
            },
        };
        let zeros = match written.checkpoint_format.as_deref() {
            None | Some("gptq") => ZeroFormat::V1,
            Some("gptq_v2") => ZeroFormat::V2,
            Some(other) => {
                return Err(refused(format!(
                    "`checkpoint_format` is {other:?}, and `gptq` and `gptq_v2` are read"
                )));
            }
        };
        if zeros == ZeroFormat::V1 && !written.sym {
            tracing::warn!(
                path = %path.display(),
                "zeros of 0 have no place in `gptq`: programs write and read them in different ways"
            );
        }
        Ok(Self {
            group_size,
            symmetric: written.sym,
            zeros,
            by_activation: written.desc_act && !written.static_groups,
        })
    }
}

fn json(path: &Path) -> Result<Value, WeightsError> {
    let text = fs::read_to_string(path).map_err(|source| WeightsError::Read {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| WeightsError::Damaged {
        path: path.to_owned(),
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<Option<PackedSettings>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("written");
        }
        PackedSettings::read(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_stand_in_one_of_two_files() {
        let expected = PackedSettings {
            group_size: NonZeroUsize::new(128),
            symmetric: true,
            zeros: ZeroFormat::V1,
            by_activation: false,
        };
        let inside =
            r#"{"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}"#;
        assert_eq!(read(&[("config.json", inside)]), Ok(Some(expected)));
        let own = r#"{"bits": 4, "group_size": -1, "sym": false, "desc_act": true,
            "checkpoint_format": "gptq_v2"}"#;
        let expected = PackedSettings {
            group_size: None,
            symmetric: false,
            zeros: ZeroFormat::V2,
            by_activation: true,
        };
        let null = r#"{"quantization_config": null}"#;
        assert_eq!(
            read(&[("config.json", null), (OWN_FILE, own)]),
            Ok(Some(expected))
        );
        assert_eq!(
            read(&[("config.json", "{}"), (OWN_FILE, own)]),
            Ok(Some(expected))
        );
        assert_eq!(read(&[("config.json", "{}")]), Ok(None));
    }

    #[test]
    fn what_is_not_read_is_refused_by_name() {
        for (settings, word) in [
            (
                r#"{"quant_method": "awq", "bits": 4, "group_size": 128}"#,
                "awq",
            ),
            (r#"{"quant_method": "bitsandbytes"}"#, "bitsandbytes"),
            (r#"{"group_size": 128}"#, "`bits`"),
            (r#"{"bits": 8, "group_size": 128}"#, "`bits` is 8"),
            (r#"{"bits": 4, "group_size": 0}"#, "`group_size` is 0"),
            (
                r#"{"bits": 4, "group_size": 128, "checkpoint_format": "marlin"}"#,
                "marlin",
            ),
            (r#"{"bits": "four", "group_size": 128}"#, "four"),
            (r#"{"bits": 4}"#, "group_size"),
            ("7", "quantisation"),
        ] {
            let config = format!(r#"{{"quantization_config": {settings}}}"#);
            let refused = read(&[("config.json", &config)]).expect_err(settings);
            assert!(
                refused.contains(word) && refused.contains("config.json"),
                "{refused}"
            );
        }
    }
}
