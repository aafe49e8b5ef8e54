//! What is wrong with an adapter.

use std::{io, path::PathBuf};

use routers::RouterError;
use weights::WeightsError;

/// How many names a message has.
const NAMED: usize = 6;

/// What is wrong with an adapter, or keeps it from a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoraError {
    /// Nothing would be trained.
    #[error(
        "no module is named; set `target-modules`, such as [\"q_proj\", \"v_proj\"], `target-parameters` or \
         `modules-to-save`"
    )]
    Nothing,
    /// Entries that no module has.
    #[error(
        "`{setting}`: {} takes no module of this model, whose modules end in {}; name others, or take the entry \
         out{}",
        listed(entries),
        known.join(", "),
        hint
    )]
    Unmatched {
        /// The setting.
        setting: &'static str,
        /// The entries.
        entries: Vec<String>,
        /// The last parts of the names that there are.
        known: Vec<String>,
        /// What else may help.
        hint: &'static str,
    },
    /// No regular expression.
    #[error("`{setting}`: {pattern:?} is no pattern: {problem}")]
    Pattern {
        /// The setting.
        setting: &'static str,
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Patterns that disagree.
    #[error(
        "`{setting}`: {:?} and {:?} both match `{name}` and say different things; make one of them narrower",
        patterns[0], patterns[1]
    )]
    TwoPatterns {
        /// The setting.
        setting: &'static str,
        /// The module.
        name: String,
        /// The patterns.
        patterns: [String; 2],
    },
    /// Dropout where PEFT has none.
    #[error(
        "`dropout` = {dropout} with `target-parameters`: PEFT drops nothing where parameters are targeted; set \
         it to 0, or target modules"
    )]
    Dropout {
        /// The probability.
        dropout: f64,
    },
    /// A part of a stack of experts.
    #[error(
        "{got} of the {experts} experts of `{stack}` would get a delta, and they are one stack; name all of them \
         or none"
    )]
    SomeExperts {
        /// One of them.
        stack: String,
        /// Those with a delta.
        got: usize,
        /// E.
        experts: usize,
    },
    /// Experts of different rank or scale.
    #[error(
        "`{first}` and `{second}` are of one stack and would have rank {} with alpha {} and rank {} with alpha \
         {}; give all experts of a layer the same",
        of_first.0, of_first.1, of_second.0, of_second.1
    )]
    UnequalExperts {
        /// An expert's map.
        first: String,
        /// Another's.
        second: String,
        /// Rank and alpha of the first.
        of_first: (usize, f64),
        /// Those of the second.
        of_second: (usize, f64),
    },
    /// A module has a delta already.
    #[error("`{module}` has a delta already; merge it, or load the model anew")]
    Twice {
        /// The module.
        module: String,
    },
    /// Four bits where numbers must change.
    #[error(
        "`{module}` is in four bits, which {what}; load the model in full (from the folder that it was quantised \
         from, or its maps dequantised to f16) and {remedy} there"
    )]
    FourBits {
        /// The first such module.
        module: String,
        /// What cannot be done.
        what: &'static str,
        /// What to do elsewhere.
        remedy: &'static str,
    },
    /// A file could not be read.
    #[error(
        "cannot read {path:?}: {source}; an adapter's folder holds adapter_config.json and \
         adapter_model.safetensors{hint}"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
        /// What is there in its place.
        hint: &'static str,
    },
    /// A file could not be written.
    #[error("cannot write {path:?}: {problem}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What is in the way.
        problem: String,
    },
    /// A file of settings makes no sense.
    #[error("{path:?}: {problem}")]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Tensors that are not those of the settings.
    #[error(
        "{path:?} is no adapter of this model{}: {}; make sure that both files of the adapter come from one run, \
         and that the model is the one it was made for",
        made_for(base.as_deref()),
        listed(problems)
    )]
    Tensors {
        /// The file.
        path: PathBuf,
        /// The model that the adapter says it is of.
        base: Option<String>,
        /// Each thing that is wrong.
        problems: Vec<String>,
    },
    /// What PEFT has no place for.
    #[error("`{module}` {problem}")]
    Placeless {
        /// The module.
        module: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A model without mixtures.
    #[error(
        "no layer of this model has a mixture of experts, which adapters could stand beside; take `lora`"
    )]
    NoMixture,
    /// Nothing to write.
    #[error(
        "not every mixture of this model has adapters beside it; add them with the settings that are to be written"
    )]
    NoAdapters,
    /// A mixture has adapters already.
    #[error("the mixture of layer {layer} has adapters already; load the model anew")]
    HasAdapters {
        /// The layer.
        layer: usize,
    },
    /// A router of adapters that cannot be built; what it chooses among, it calls experts.
    #[error("the router of the adapters: {0}")]
    Router(#[from] RouterError),
    /// Files of weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

impl LoraError {
    /// Whether files are absent (and not wrong).
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::Weights(error) => error.is_missing(),
            _ => false,
        }
    }
}

fn made_for(base: Option<&str>) -> String {
    match base {
        Some(base) => format!(" (it says that it is of {base:?})"),
        None => String::new(),
    }
}

/// Some of a list in words.
fn listed(all: &[String]) -> String {
    let named = all.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let more = all.len().saturating_sub(NAMED);
    let named = named.join("; ");
    if more == 0 {
        named
    } else {
        format!("{named}; and {more} more")
    }
}
