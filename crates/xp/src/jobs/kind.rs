//! The jobs, and the names that their settings go by.

/// What the trials of a sweep do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// Train a language model and measure its routing.
    Train,
    /// Pack tokens into expert buffers and measure drops and speed.
    Pack,
    /// Run one MoE layer forward and backward and measure its speed.
    Layer,
    /// Route hidden states and measure what one router does and costs.
    Router,
    /// Time the steps of a sweep's cells in turn; made by `[speed]`, written in no file.
    Speed,
}

impl JobKind {
    /// What to write in place of `job = "speed"`.
    pub(crate) const NOT_WRITTEN: &str =
        "speeds are measured beside the trials of another job: add a `[speed]` table to its sweep";

    /// Every job that a file can ask for.
    pub(crate) const ALL: [Self; 4] = [Self::Train, Self::Pack, Self::Layer, Self::Router];

    /// The name in `job = "..."`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Pack => "pack",
            Self::Layer => "layer",
            Self::Router => "router",
            Self::Speed => "speed",
        }
    }

    /// The job of that name that a file can ask for.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// The tables of a sweep file that hold this job's settings.
    pub(crate) const fn sections(self) -> &'static [&'static str] {
        match self {
            Self::Train => &[
                "profile", "data", "model", "moe", "router", "train", "health",
            ],
            Self::Pack => &["pack", "moe"],
            Self::Layer => &["profile", "layer", "moe", "router"],
            Self::Router => &["hidden", "measure", "moe", "router"],
            Self::Speed => &[],
        }
    }

    /// Short names of settings, for axes and `--set`.
    pub(crate) const fn short_names(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Train => &[
                ("profile", "profile"),
                ("strategy", "router.strategy"),
                ("scorer", "router.scorer"),
                ("balancers", "router.balancers"),
                ("experts", "moe.experts"),
                ("k", "moe.k"),
                ("capacity-factor", "moe.capacity-factor"),
                ("eval-capacity-factor", "moe.eval-capacity-factor"),
                ("dense", "moe.dense"),
                ("drop", "moe.drop"),
                ("renormalise", "moe.renormalise"),
                ("dispatch", "moe.dispatch"),
                ("ffn-multiple", "moe.ffn-multiple"),
                ("expert", "moe.expert"),
                ("expert-hidden", "moe.expert-hidden"),
                ("chain", "moe.chain"),
                ("corpus", "data.corpus"),
                ("tokenizer", "data.tokenizer"),
                ("model", "model"),
                ("layers", "model.tiny-moe.layers"),
                ("dim", "model.tiny-moe.dim"),
                ("heads", "model.tiny-moe.heads"),
                ("dropout", "model.tiny-moe.dropout"),
                ("steps", "train.steps"),
                ("batch", "train.batch"),
                ("sequence", "train.sequence"),
                ("learning-rate", "train.learning-rate"),
                ("precision", "train.precision"),
            ],
            Self::Pack => &[
                ("experts", "moe.experts"),
                ("k", "moe.k"),
                ("capacity-factor", "moe.capacity-factor"),
                ("packing", "pack.packing"),
                ("load", "pack.load"),
                ("tokens", "pack.tokens"),
                ("width", "pack.width"),
            ],
            Self::Layer => &[
                ("profile", "profile"),
                ("strategy", "router.strategy"),
                ("scorer", "router.scorer"),
                ("balancers", "router.balancers"),
                ("experts", "moe.experts"),
                ("k", "moe.k"),
                ("capacity-factor", "moe.capacity-factor"),
                ("dense", "moe.dense"),
                ("drop", "moe.drop"),
                ("renormalise", "moe.renormalise"),
                ("dispatch", "moe.dispatch"),
                ("ffn-multiple", "moe.ffn-multiple"),
                ("expert", "moe.expert"),
                ("expert-hidden", "moe.expert-hidden"),
                ("chain", "moe.chain"),
                ("tokens", "layer.tokens"),
                ("dim", "layer.dim"),
                ("precision", "layer.precision"),
            ],
            Self::Router => &[
                ("strategy", "router.strategy"),
                ("scorer", "router.scorer"),
                ("logit-std", "router.logit-std"),
                ("experts", "moe.experts"),
                ("k", "moe.k"),
                ("ffn-multiple", "moe.ffn-multiple"),
                ("expert", "moe.expert"),
                ("expert-hidden", "moe.expert-hidden"),
                ("dispatch", "moe.dispatch"),
                ("source", "hidden.source"),
                ("input-scale", "hidden.scale"),
                ("shape", "hidden.shape"),
                ("runs", "measure.runs"),
                ("precision", "measure.precision"),
            ],
            Self::Speed => &[],
        }
    }

    /// The dotted path that a short name stands for.
    pub(crate) fn long_path(self, short: &str) -> Option<&'static str> {
        self.short_names()
            .iter()
            .find(|(name, _)| *name == short)
            .map(|(_, path)| *path)
    }

    /// Settings that stand in the place of others, each with the one that it replaces.
    pub(crate) const fn alternatives(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Train | Self::Layer | Self::Router => {
                &[("moe.expert-hidden", "moe.ffn-multiple")]
            }
            Self::Pack | Self::Speed => &[],
        }
    }

    /// Settings that hold one member of a family: an overlay that names another member replaces
    /// the first, it is not merged into it.
    pub(crate) const fn families(self) -> &'static [&'static str] {
        match self {
            Self::Train => &[
                "data.corpus",
                "data.tokenizer",
                "model",
                "moe.drop",
                "moe.dispatch",
                "moe.expert",
                "router.scorer",
                "router.strategy",
            ],
            Self::Pack => &["pack.load"],
            Self::Layer => &[
                "moe.drop",
                "moe.dispatch",
                "moe.expert",
                "router.scorer",
                "router.strategy",
            ],
            Self::Router => &[
                "hidden.source",
                "hidden.source.bert.corpus",
                "moe.drop",
                "moe.dispatch",
                "moe.expert",
                "router.scorer",
                "router.strategy",
            ],
            Self::Speed => &[],
        }
    }
}
