//! A model with an adapter.

use std::path::Path;

use lm::CausalLm;
use moe_layer::LayerDims;
use nn::NamedMaps;
use peft_lora::{LoraError, load_adapter, load_perft, load_routers};

use super::{AnyModel, NamedModel};
use crate::{
    cli::Places,
    exit::{Exit, Expected},
    jobs::{Base, of_model},
    ui,
};

impl NamedModel {
    /// The model with the routers and the adapter of a folder.
    ///
    /// # Errors
    ///
    /// When the folder has none, and when it is of another model.
    pub(crate) fn adapted(self, folder: &Path, places: &Places) -> Result<Self, Expected> {
        check_pairs(folder)?;
        self.check_base(folder, places)?;
        let model = of_model!(AnyModel, self.model, model => {
            AnyModel::from(adapted(model, folder).map_err(refused)?)
        });
        Ok(Self { model, ..self })
    }

    /// Refuses an adapter that says that it is of other files than the model's.
    pub(super) fn check_base(&self, folder: &Path, places: &Places) -> Result<(), Expected> {
        let read = Base::read(folder).map_err(|source| {
            Expected::io(format!("read base.json of {}", folder.display()), source)
        })?;
        let (Some(wanted), Some(model)) = (read, &self.folder) else {
            return Ok(());
        };
        // A name without a place would be looked for among the data.
        let whole = model
            .canonicalize()
            .map_err(|source| Expected::io(format!("find {}", model.display()), source))?;
        let here = Base::of(&whole.to_string_lossy(), &places.data.dir())?;
        if here.digest == wanted.digest {
            return Ok(());
        }
        let shown = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
        Err(Expected::new(
            Exit::Usage,
            format!(
                "the adapter in {} is of {} with digest {}, and {} has {}",
                folder.display(),
                wanted.model,
                shown(&wanted.digest),
                model.display(),
                shown(&here.digest)
            ),
            "name the model that it was trained beside; to try it on this one all the same, take base.json out \
             of a copy of the folder",
        ))
    }
}

/// Files of numbers, and those that say what they are.
const PAIRS: [(&str, &str); 3] = [
    ("adapter_model.safetensors", "adapter_config.json"),
    ("routers.safetensors", "routers.json"),
    ("perft.safetensors", "perft.json"),
];

/// Refuses numbers of which nothing says what they are: without them another model would be measured.
fn check_pairs(folder: &Path) -> Result<(), Expected> {
    let there = |name: &str| folder.join(name).exists();
    let mut pairs = PAIRS.iter();
    match pairs.find(|(numbers, settings)| there(numbers) && !there(settings)) {
        None => Ok(()),
        Some((numbers, settings)) => Err(Expected::new(
            Exit::Missing,
            format!("{} has {numbers} and no {settings}", folder.display()),
            "copy the whole folder, or take out what does not belong there",
        )),
    }
}

fn adapted<M: CausalLm + NamedMaps>(model: M, folder: &Path) -> Result<M, LoraError> {
    // Widths are those of the layers.
    let dims = LayerDims::new(0, model.limits().vocab);
    // An adapter may have numbers for a router, so that is there first.
    let (model, routers) = load_routers(model, &dims, folder)?;
    let (model, beside) = load_perft(model, &dims, folder)?;
    let found = routers.is_some() || beside.is_some();
    if found && !folder.join("adapter_config.json").exists() {
        // They may be all that was learned.
        return Ok(model);
    }
    let (model, loaded) = load_adapter(model, folder)?;
    for note in &loaded.notes {
        ui::say(note);
    }
    Ok(model)
}

fn refused(error: LoraError) -> Expected {
    let exit = if error.is_missing() {
        Exit::Missing
    } else {
        Exit::Usage
    };
    let text = error.to_string();
    let (message, help) = text
        .rsplit_once("; ")
        .unwrap_or((&text, "name another adapter"));
    Expected::new(exit, message, help)
}
