//! Language models that a command line names: a folder, a model's name, or a trial that kept its weights.

mod adapted;
mod chat;
mod files;
mod found;
mod kept;

use std::path::PathBuf;

use burn::tensor::Device;
use corpora::Tokenizer;
use lm::LmLimits;
use models_qwen::Qwen2Moe;
use models_tiny::TinyMoe;
use weights::Kept;

pub(crate) use chat::ChatTemplate;

use crate::{cli::Places, exit::Expected, jobs::of_model, ui};
use found::Found;

/// A language model with what it reads and writes text by.
pub(crate) struct NamedModel {
    /// The model.
    pub(crate) model: AnyModel,
    /// From text to tokens and back.
    pub(crate) tokenizer: Tokenizer,
    /// Tokens that end a text.
    pub(crate) stop_ids: Vec<u32>,
    /// Its folder in the layout of Hugging Face, which may say how conversations are written.
    pub(crate) folder: Option<PathBuf>,
}

/// A model of one of the architectures.
pub(crate) enum AnyModel {
    /// The small decoder of the sweeps.
    TinyMoe(TinyMoe),
    /// Qwen2-MoE.
    Qwen2Moe(Qwen2Moe),
}

impl AnyModel {
    /// What texts it can read.
    pub(crate) fn limits(&self) -> LmLimits {
        use lm::CausalLm;
        of_model!(Self, self, model => model.limits())
    }
}

impl From<TinyMoe> for AnyModel {
    fn from(model: TinyMoe) -> Self {
        Self::TinyMoe(model)
    }
}

impl From<Qwen2Moe> for AnyModel {
    fn from(model: Qwen2Moe) -> Self {
        Self::Qwen2Moe(model)
    }
}

impl NamedModel {
    /// Finds and loads a model.
    ///
    /// # Errors
    ///
    /// When nothing goes by that name, and when a file is missing, damaged or not what it must be.
    pub(crate) fn load(name: &str, places: &Places, device: &Device) -> Result<Self, Expected> {
        // What a folder's files say that is odd, and read all the same.
        ui::warn_on_stderr();
        match Found::of(name, places)? {
            Found::Folder(folder) => files::load(&folder, Kept::Stored, device),
            Found::Trial { id, folder } => kept::load(&id, &folder, places, device),
        }
    }
}
