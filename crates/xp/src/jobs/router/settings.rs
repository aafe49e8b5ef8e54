//! The settings of `job = "router"`.

use std::num::NonZeroUsize;

use corpora::{CorpusConfig, TinyShakespeareConfig};
use kernels::Precision;
use moe_layer::MoeConfig;
use registry::{NonNegativeF64, PositiveF64};
use routers::RouterConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::jobs::settings::{
    Profile, SettingProblem, bounds,
    rules::{self, layer_problems},
};

/// Settings of `job = "router"`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct RouterSettings {
    /// The hidden states that are routed.
    pub(crate) hidden: HiddenConfig,
    /// How often, and what is kept.
    pub(crate) measure: MeasureConfig,
    /// The experts behind the router.
    pub(crate) moe: MoeConfig,
    /// The router.
    pub(crate) router: RouterConfig,
}

/// The `[hidden]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct HiddenConfig {
    /// Where they come from.
    pub(crate) source: SourceConfig,
    /// What their root mean square is made, over all of them; as it is where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rms: Option<PositiveF64>,
    /// What they are multiplied by then.
    pub(crate) scale: PositiveF64,
    /// N: tokens whose routing is measured; timed runs take their batches from them in turn.
    pub(crate) tokens: NonZeroUsize,
    /// The batch that is routed at once.
    pub(crate) shape: BatchShape,
}

/// A batch of hidden states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct BatchShape {
    /// B: sequences of the batch.
    pub(crate) sequences: NonZeroUsize,
    /// S: tokens of a sequence.
    pub(crate) length: NonZeroUsize,
}

impl BatchShape {
    /// T = B S: tokens that are routed at once.
    pub(crate) fn tokens(self) -> usize {
        self.sequences.get() * self.length.get()
    }
}

registry::family! {
    /// Where hidden states come from.
    pub(crate) enum SourceConfig: "source" {
        /// Independent standard normal numbers.
        Random(RandomSource) = "random",
        /// The hidden states of a BERT encoder that reads real text.
        Bert(BertSource) = "bert",
    }
}

/// Settings of random hidden states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct RandomSource {
    /// D: their width.
    pub(crate) width: NonZeroUsize,
    /// Token ids, which strategies that hash them look at, are drawn below this.
    pub(crate) vocab: NonZeroUsize,
}

/// Settings of hidden states from an encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct BertSource {
    /// The encoder: the name of a folder in `models/` in or beside the data folder, or a path.
    pub(crate) model: String,
    /// Which hidden states: 0 are those of the embeddings, `l` those after layer `l`.
    pub(crate) tap: usize,
    /// The text that it reads: the validation part.
    pub(crate) corpus: CorpusConfig,
    /// Tokens of a passage that it reads at once.
    pub(crate) sequence: NonZeroUsize,
    /// What the experts begin as.
    pub(crate) experts: ExpertInit,
    /// The layer, from 0, whose feed-forward network copied experts are.
    pub(crate) layer: usize,
}

/// What experts begin as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExpertInit {
    /// Random matrices.
    Random,
    /// Copies of a feed-forward network of the encoder.
    #[default]
    Copied,
}

impl Default for BertSource {
    fn default() -> Self {
        Self {
            model: "bert-base-uncased".to_owned(),
            tap: 12,
            corpus: TinyShakespeareConfig::default().into(),
            sequence: size(128),
            experts: ExpertInit::default(),
            layer: 0,
        }
    }
}

/// The `[measure]` table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct MeasureConfig {
    /// Timed runs of the router, and as many of router and experts.
    pub(crate) runs: NonZeroUsize,
    /// Runs of each before the clock starts.
    pub(crate) warmup: usize,
    /// Weight of the auxiliary loss that is measured in its two conventions; it trains nothing.
    pub(crate) alpha: NonNegativeF64,
    /// Tokens whose probabilities are kept, expert by expert.
    pub(crate) sample: usize,
    /// Bins of a histogram.
    pub(crate) bins: NonZeroUsize,
    /// Type of the experts' products; the router is f32.
    pub(crate) precision: Precision,
}

fn size(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a constant that is not zero")
}

impl Default for HiddenConfig {
    fn default() -> Self {
        Self {
            source: RandomSource::default().into(),
            rms: None,
            scale: PositiveF64::new(1.0),
            tokens: size(2048),
            shape: BatchShape {
                sequences: size(16),
                length: size(128),
            },
        }
    }
}

impl Default for RandomSource {
    fn default() -> Self {
        Self {
            width: size(768),
            vocab: size(30_522),
        }
    }
}

impl Default for MeasureConfig {
    fn default() -> Self {
        Self {
            runs: size(20),
            warmup: 3,
            alpha: NonNegativeF64::new(0.01),
            sample: 32,
            bins: size(60),
            precision: Precision::default(),
        }
    }
}

impl RouterSettings {
    /// Sizes that are too large.
    fn sizes(&self) -> Vec<SettingProblem> {
        let (hidden, measure, moe) = (&self.hidden, &self.measure, &self.moe);
        let mut sizes = vec![
            ("measure.runs", measure.runs.get()),
            ("measure.warmup", measure.warmup),
            ("measure.bins", measure.bins.get()),
        ];
        let mut counts = vec![("hidden.tokens", hidden.tokens.get())];
        match &hidden.source {
            SourceConfig::Random(random) => {
                sizes.push(("hidden.source.random.width", random.width.get()));
                counts.push(("hidden.source.random.vocab", random.vocab.get()));
            }
            SourceConfig::Bert(bert) => {
                sizes.push(("hidden.source.bert.sequence", bert.sequence.get()));
            }
        }
        let mut problems = bounds::at_most(bounds::MOST, &sizes);
        problems.extend(bounds::at_most(bounds::MOST_TOKENS, &counts));
        problems.extend(rules::layer_sizes(moe, &self.router));
        let shape = (hidden.shape.sequences.get(), hidden.shape.length.get());
        problems.extend(bounds::batch(shape, moe.k.get(), &["hidden.shape"]));
        if let SourceConfig::Random(random) = &hidden.source {
            problems.extend(bounds::parameters(
                1,
                moe,
                random.width.get(),
                &[
                    "hidden.source.random.width",
                    "moe.experts",
                    "moe.ffn-multiple",
                ],
            ));
        }
        problems
    }

    /// Rules between settings that are broken.
    pub(super) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = self.sizes();
        if !problems.is_empty() {
            // What follows multiplies them.
            return problems;
        }
        let width = match &self.hidden.source {
            SourceConfig::Random(random) => Some(random.width.get()),
            SourceConfig::Bert(_) => None,
        };
        problems.extend(layer_problems(
            Profile::default(),
            &self.moe,
            &self.router,
            width,
        ));
        let HiddenConfig { tokens, shape, .. } = &self.hidden;
        if tokens.get() % shape.tokens() != 0 {
            problems.push(SettingProblem {
                message: format!(
                    "{tokens} tokens are no whole number of batches of {} x {}",
                    shape.sequences, shape.length
                ),
                paths: vec!["hidden.tokens", "hidden.shape"],
                help: format!("make `tokens` a multiple of {}", shape.tokens()),
            });
        }
        if let SourceConfig::Bert(bert) = &self.hidden.source
            && tokens.get() % bert.sequence.get() != 0
        {
            problems.push(SettingProblem {
                message: format!(
                    "{tokens} tokens are no whole number of passages of {}",
                    bert.sequence
                ),
                paths: vec!["hidden.tokens", "hidden.source.bert.sequence"],
                help: format!("make `tokens` a multiple of {}", bert.sequence),
            });
        }
        problems
    }
}
