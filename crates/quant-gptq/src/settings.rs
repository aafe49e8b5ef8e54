//! What a checkpoint says of its packing.

use std::{collections::BTreeMap, fs, num::NonZeroUsize, path::Path};

use serde::Deserialize;
use serde_json::Value;
use weights::{Checkpoint, WeightsError};

use crate::ZeroFormat;

/// Where the settings stand, the first that is there: `config.json` under `quantization_config`, or a file of
/// their own, as AutoGPTQ writes it.
const OWN_FILE: &str = "quantize_config.json";

/// What may stand in both, and decides how words are read.
const KEYS: [&str; 11] = [
    "quant_method",
    "bits",
    "group_size",
    "sym",
    "desc_act",
    "static_groups",
    "checkpoint_format",
    "format",
    "is_marlin_format",
    "pack_dtype",
    "dynamic",
];

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
    /// The same by the name that some programs give it.
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    is_marlin_format: Option<bool>,
    #[serde(default)]
    pack_dtype: Option<String>,
    /// Settings of some maps by patterns of their names.
    #[serde(default)]
    dynamic: Option<BTreeMap<String, Value>>,
}

impl Written {
    /// A setting that changes what the words mean, in a way that is not read.
    fn unread(&self) -> Option<String> {
        if self.is_marlin_format == Some(true) {
            return Some(
                "`is_marlin_format` is true, and words in that order are not read".to_owned(),
            );
        }
        if let (Some(one), Some(other)) = (&self.checkpoint_format, &self.format)
            && one != other
        {
            return Some(format!(
                "`checkpoint_format` is {one:?}, and `format` is {other:?}"
            ));
        }
        let words = self.pack_dtype.as_deref().unwrap_or("int32");
        if !["int32", "torch.int32"].contains(&words) {
            return Some(format!(
                "`pack_dtype` is {words:?}, and words of int32 are read"
            ));
        }
        // Patterns with a minus leave maps in full, which the files say as well.
        let mut patterns = self.dynamic.iter().flat_map(BTreeMap::keys);
        let other = patterns.find(|pattern| !pattern.starts_with("-:"))?;
        Some(format!(
            "`dynamic` gives the maps of {other:?} settings of their own, and one setting for all maps is read"
        ))
    }
}

/// Holds the settings of `config.json` against those of the file of their own, and adds what those alone say.
fn agree(inside: &mut Value, own: Value, config: &Path) -> Result<(), WeightsError> {
    let (Some(inside), Value::Object(own)) = (inside.as_object_mut(), own) else {
        return Ok(());
    };
    for key in KEYS {
        let Some(other) = own.get(key).filter(|other| !other.is_null()) else {
            continue;
        };
        let said = inside.entry(key).or_insert(Value::Null);
        if said.is_null() {
            *said = other.clone();
        } else if said != other {
            return Err(WeightsError::Config {
                path: config.to_owned(),
                problem: format!(
                    "`{key}` of `quantization_config` is {said}, and {OWN_FILE} beside it says {other}; \
                     remove the file that is not of this model"
                ),
                expected: "a model in four bits of GPTQ",
            });
        }
    }
    Ok(())
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
        let mut found = json(&config)?;
        let inside = found.get_mut("quantization_config").map(Value::take);
        let inside = inside.filter(|settings| !settings.is_null());
        let own = folder.join(OWN_FILE);
        match (inside, own.exists()) {
            (None, false) => Ok(None),
            (None, true) => Self::of(&json(&own)?, &own).map(Some),
            (Some(inside), false) => Self::of(&inside, &config).map(Some),
            (Some(mut inside), true) => {
                agree(&mut inside, json(&own)?, &config)?;
                Self::of(&inside, &config).map(Some)
            }
        }
    }

    fn of(value: &Value, path: &Path) -> Result<Self, WeightsError> {
        let refused = |problem: String| WeightsError::Config {
            path: path.to_owned(),
            problem,
            expected: "a model in four bits of GPTQ",
        };
        let written = Written::deserialize(value)
            .map_err(|error| refused(format!("quantisation: {error}")))?;
        if let Some(method) = written
            .quant_method
            .as_ref()
            .filter(|method| *method != "gptq")
        {
            return Err(refused(format!(
                "`quant_method` is {method:?}, and `gptq` is read"
            )));
        }
        if let Some(problem) = written.unread() {
            return Err(refused(problem));
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
        let format = written.checkpoint_format.or(written.format);
        let zeros = match format.as_deref() {
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
                "{}: `sym` is false with `checkpoint_format` gptq, in which zeros of 0 have no place: programs \
                 write and read them in different ways",
                path.display()
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
            (
                r#"{"bits": 4, "group_size": 128, "is_marlin_format": true}"#,
                "is_marlin_format",
            ),
            (
                r#"{"bits": 4, "group_size": 128, "pack_dtype": "int8"}"#,
                "`pack_dtype` is \"int8\"",
            ),
            (
                r#"{"bits": 4, "group_size": 128, "dynamic": {"-:.*gate": {}, "+:.*down": {"bits": 8}}}"#,
                "`dynamic` gives the maps of \"+:.*down\"",
            ),
        ] {
            let config = format!(r#"{{"quantization_config": {settings}}}"#);
            let refused = read(&[("config.json", &config)]).expect_err(settings);
            assert!(
                refused.contains(word) && refused.contains("config.json"),
                "{refused}"
            );
        }
    }

    #[test]
    fn two_files_agree_or_are_refused_by_name() {
        let inside = |more: &str| {
            format!(r#"{{"quantization_config": {{"bits": 4, "group_size": 128{more}}}}}"#)
        };
        let plain = inside("");
        // What one alone says holds.
        let own = r#"{"bits": 4, "sym": false, "checkpoint_format": "gptq_v2", "desc_act": null}"#;
        let both = read(&[("config.json", &plain), (OWN_FILE, own)]).expect("they agree");
        let both = both.expect("settings");
        assert_eq!((both.zeros, both.symmetric), (ZeroFormat::V2, false));
        for (more, own, words) in [
            ("", r#"{"group_size": 64}"#, ["`group_size`", "128", "64"]),
            (
                r#", "checkpoint_format": "gptq""#,
                r#"{"checkpoint_format": "gptq_v2"}"#,
                ["`checkpoint_format`", "gptq", "gptq_v2"],
            ),
            (
                r#", "desc_act": false"#,
                r#"{"desc_act": true}"#,
                ["`desc_act`", "false", "true"],
            ),
        ] {
            let refused = read(&[("config.json", &inside(more)), (OWN_FILE, own)]);
            let refused = refused.expect_err(own);
            for word in words.iter().chain(&["config.json", OWN_FILE]) {
                assert!(refused.contains(word), "no {word} in: {refused}");
            }
        }
        // Maps that are left out are known by their files.
        let without = inside(r#", "dynamic": {"-:.*gate": {}}, "pack_dtype": "int32""#);
        assert!(read(&[("config.json", &without)]).is_ok());
    }
}
