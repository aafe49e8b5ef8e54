//! The sizes of each scale, and the list of what is compared at it.

use std::{fmt, str::FromStr};

use models_tiny::TinyMoeConfig;
use moe_layer::MoeConfig;
use registry::Fraction;
use routers::{RouterConfig, SoftTopKConfig};
use serde_json::{Value, json};

use crate::cases::{Packing, RowsSizes};

/// How large everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Seconds, for tests.
    Smoke,
    /// That of the sweeps at their own `cpu` scale: E 8, k 2, D 64, 2 layers, 16 windows of 64 subwords.
    Sweep,
    /// The standard case: E 8, k 2, D 256, 4 layers, 32 windows of 256 tokens.
    Cpu,
    /// For a GPU: E 32, k 2, D 1024, 8 layers, 32 windows of 512 tokens.
    Paper,
}

impl Scale {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Smoke, Self::Sweep, Self::Cpu, Self::Paper];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Sweep => "sweep",
            Self::Cpu => "cpu",
            Self::Paper => "paper",
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scale| scale.name() == text)
            .ok_or_else(|| format!("unknown scale `{text}`, expected smoke, sweep, cpu or paper"))
    }
}

/// Sizes of the model; a layer or dense network alone uses some of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelSizes {
    pub(crate) layers: usize,
    pub(crate) dim: usize,
    pub(crate) heads: usize,
    pub(crate) vocab: usize,
    pub(crate) sequence: usize,
    pub(crate) batch: usize,
    pub(crate) experts: usize,
    pub(crate) k: usize,
}

impl ModelSizes {
    pub(crate) fn at(scale: Scale) -> Self {
        // TinyStories has 82 characters, and its subwords here are 4,096.
        let [layers, dim, heads, vocab, sequence, batch, experts, k] = match scale {
            Scale::Smoke => [2, 32, 2, 31, 16, 4, 4, 2],
            Scale::Sweep => [2, 64, 4, 4096, 64, 16, 8, 2],
            Scale::Cpu => [4, 256, 4, 82, 256, 32, 8, 2],
            Scale::Paper => [8, 1024, 16, 82, 512, 32, 32, 2],
        };
        Self {
            layers,
            dim,
            heads,
            vocab,
            sequence,
            batch,
            experts,
            k,
        }
    }

    pub(crate) const fn tokens(&self) -> usize {
        self.batch * self.sequence
    }

    /// F.
    pub(crate) fn hidden(&self) -> usize {
        self.moe().hidden(self.dim)
    }

    /// C.
    pub(crate) fn capacity(&self) -> usize {
        let factor = self.moe().capacity_factor.get();
        routers::capacity(factor, self.tokens(), self.k, self.experts)
    }

    pub(crate) fn model(&self) -> TinyMoeConfig {
        TinyMoeConfig {
            layers: self.layers.try_into().expect("above 0"),
            dim: self.dim.try_into().expect("above 0"),
            heads: self.heads.try_into().expect("above 0"),
            dropout: Fraction::new(0.0),
            ..TinyMoeConfig::default()
        }
    }

    /// The defaults: capacity factor 1.25, drops by position, F = 4 D, sorted dispatch.
    pub(crate) fn moe(&self) -> MoeConfig {
        MoeConfig {
            experts: self.experts.try_into().expect("above 0"),
            k: self.k.try_into().expect("above 0"),
            ..MoeConfig::default()
        }
    }

    /// Soft top-k over a linear scorer with the Switch balancer.
    pub(crate) fn router() -> RouterConfig {
        RouterConfig {
            strategy: SoftTopKConfig::default().into(),
            ..RouterConfig::default()
        }
    }

    /// What a peer builds the model from; alpha is the balancer's default.
    pub(crate) fn shape(&self) -> Value {
        json!({
            "layers": self.layers,
            "dim": self.dim,
            "heads": self.heads,
            "vocab": self.vocab,
            "sequence": self.sequence,
            "batch": self.batch,
            "experts": self.experts,
            "k": self.k,
            "hidden": self.hidden(),
            "capacity": self.capacity(),
            "alpha": routers::SwitchConfig::default().alpha.get(),
        })
    }
}

/// One thing that is compared.
#[derive(Debug, Clone)]
pub(crate) enum Question {
    /// The whole training step.
    Step(ModelSizes),
    /// The MoE layer, forward and backward.
    Layer(ModelSizes),
    /// The dense network of the same active arithmetic, forward and backward.
    Ffn(ModelSizes),
    /// Packing and combining.
    Rows(RowsSizes),
}

impl Question {
    /// All of them at a scale.
    pub(crate) fn all(scale: Scale) -> Vec<Self> {
        let model = ModelSizes::at(scale);
        let mut all = vec![
            Self::Step(model.clone()),
            Self::Layer(model.clone()),
            Self::Ffn(model),
        ];
        // Tokens, D, E, k: the standard case, and one that no cache holds.
        let sizes: [[usize; 4]; 2] = match scale {
            Scale::Smoke => [[256, 32, 8, 2], [128, 64, 16, 2]],
            Scale::Sweep => [[1024, 64, 8, 2], [1024, 64, 64, 2]],
            Scale::Cpu => [[8192, 256, 8, 2], [16384, 1024, 64, 2]],
            Scale::Paper => [[16384, 1024, 64, 2], [16384, 4096, 128, 2]],
        };
        for [tokens, dim, experts, k] in sizes {
            for packing in [Packing::Compact, Packing::Fixed] {
                for backward in [false, true] {
                    all.push(Self::Rows(RowsSizes {
                        tokens,
                        dim,
                        experts,
                        k,
                        packing,
                        backward,
                    }));
                }
            }
        }
        all
    }

    /// The name in tables and in `--only`.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Step(_) => "step".to_owned(),
            Self::Layer(_) => "layer".to_owned(),
            Self::Ffn(_) => "ffn".to_owned(),
            Self::Rows(sizes) => {
                let packing = match sizes.packing {
                    Packing::Compact => "compact",
                    Packing::Fixed => "fixed",
                };
                let passes = if sizes.backward { "both" } else { "forward" };
                let RowsSizes {
                    tokens,
                    dim,
                    experts,
                    ..
                } = sizes;
                format!("rows/{packing}/{passes}/t{tokens}-d{dim}-e{experts}")
            }
        }
    }

    /// The PyTorch programs that do the same.
    pub(crate) const fn programs(&self) -> &'static [&'static str] {
        match self {
            Self::Step(_) | Self::Layer(_) => &["loop", "bmm", "grouped"],
            Self::Ffn(_) => &["dense"],
            Self::Rows(_) => &["index", "gather"],
        }
    }

    /// Whether it multiplies matrices, so that a precision means something.
    pub(crate) const fn multiplies(&self) -> bool {
        !matches!(self, Self::Rows(_))
    }

    /// Tokens in one sample.
    pub(crate) const fn tokens(&self) -> usize {
        match self {
            Self::Step(sizes) | Self::Layer(sizes) | Self::Ffn(sizes) => sizes.tokens(),
            Self::Rows(sizes) => sizes.tokens,
        }
    }

    /// Arithmetic of the experts' products in one sample, where there is little else: two matrices,
    /// three products each, two operations a number.
    pub(crate) fn flops(&self) -> Option<f64> {
        match self {
            Self::Layer(sizes) | Self::Ffn(sizes) => {
                Some((12 * sizes.tokens() * sizes.k * sizes.dim * sizes.hidden()) as f64)
            }
            Self::Step(_) | Self::Rows(_) => None,
        }
    }
}
