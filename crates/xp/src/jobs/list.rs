//! The list of jobs, and what follows from it.

use runstore::tables::TrialRow;
use schemars::{Schema, SchemaGenerator};
use serde::{Deserialize, de::Error};
use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    columns,
    finetune::FinetuneSettings,
    job::{Beside, Job, JobFacts},
    layer::LayerSettings,
    pack::PackSettings,
    quantise::QuantiseSettings,
    router::RouterSettings,
    settings::dense,
    speed::SpeedSettings,
    train::TrainSettings,
};

/// Makes the enums of kinds and settings from one list. What a file can ask for is read from it, with a default for
/// every setting; the others are made by the program.
macro_rules! jobs {
    (
        written { $($(#[doc = $doc:literal])+ $job:ident($settings:ty)),+ $(,)? }
        beside { $($(#[doc = $other_doc:literal])+ $other:ident($other_settings:ty)),+ $(,)? }
    ) => {
        /// What the trials of a sweep do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum JobKind {
            $($(#[doc = $doc])+ $job,)+
            $($(#[doc = $other_doc])+ $other,)+
        }

        /// The settings of a trial's job.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum JobSettings {
            $($(#[doc = $doc])+ $job($settings),)+
            $($(#[doc = $other_doc])+ $other($other_settings),)+
        }

        impl JobKind {
            /// Every job that a file can ask for, the usual one first.
            pub(crate) const ALL: [Self; [$(stringify!($job)),+].len()] = [$(Self::$job),+];

            /// Those that are done beside the cells of a sweep.
            const BESIDE: [Self; [$(stringify!($other)),+].len()] = [$(Self::$other),+];

            /// What is known of it before any settings.
            pub(crate) fn facts(self) -> JobFacts {
                match self {
                    $(Self::$job => <$settings>::facts(),)+
                    $(Self::$other => <$other_settings>::facts(),)+
                }
            }

            /// The schema of its settings; an empty one where no file has them.
            pub(crate) fn schema(self, generator: SchemaGenerator) -> Schema {
                match self {
                    $(Self::$job => generator.into_root_schema_for::<$settings>(),)+
                    $(Self::$other => Schema::default(),)+
                }
            }
        }

        impl JobSettings {
            /// Reads the settings of a job, with defaults for what is not written.
            pub(crate) fn read(
                job: JobKind,
                tree: DeTable<'static>,
            ) -> Result<Self, toml::de::Error> {
                let root = Spanned::new(0..0, DeValue::Table(tree));
                let table = ValueDeserializer::from(root);
                match job {
                    $(JobKind::$job => <$settings>::deserialize(table).map(Self::$job),)+
                    $(JobKind::$other => {
                        let instead = job.beside().map_or("no file has them", |job| job.instead);
                        Err(Error::custom(instead))
                    })+
                }
            }

            /// The settings of a file that says nothing; none where no file can ask for the job.
            pub(crate) fn defaults(job: JobKind) -> Option<Self> {
                match job {
                    $(JobKind::$job => Some(Self::$job(<$settings>::default())),)+
                    $(JobKind::$other => None,)+
                }
            }

            /// Which job they are for.
            pub(crate) const fn kind(&self) -> JobKind {
                match self {
                    $(Self::$job(_) => JobKind::$job,)+
                    $(Self::$other(_) => JobKind::$other,)+
                }
            }

            /// What can be asked of the settings of any job.
            pub(crate) const fn job(&self) -> &dyn Job {
                match self {
                    $(Self::$job(settings) => settings,)+
                    $(Self::$other(settings) => settings,)+
                }
            }

            fn job_mut(&mut self) -> &mut dyn Job {
                match self {
                    $(Self::$job(settings) => settings,)+
                    $(Self::$other(settings) => settings,)+
                }
            }

            /// The same, to be shared.
            pub(crate) fn shared(&self) -> std::sync::Arc<dyn Job> {
                match self.clone() {
                    $(Self::$job(settings) => std::sync::Arc::new(settings),)+
                    $(Self::$other(settings) => std::sync::Arc::new(settings),)+
                }
            }

            /// The settings as JSON, without the name of the job.
            pub(crate) fn to_json(&self) -> Value {
                let json = match self {
                    $(Self::$job(settings) => serde_json::to_value(settings),)+
                    $(Self::$other(settings) => serde_json::to_value(settings),)+
                };
                json.expect("settings are plain data with text keys")
            }
        }

        $(impl From<$settings> for JobSettings {
            fn from(settings: $settings) -> Self {
                Self::$job(settings)
            }
        })+

        $(impl From<$other_settings> for JobSettings {
            fn from(settings: $other_settings) -> Self {
                Self::$other(settings)
            }
        })+
    };
}

// The only list of jobs.
jobs! {
    written {
        /// Train a language model and measure its routing.
        Train(TrainSettings),
        /// Pack tokens into expert buffers and measure drops and speed.
        Pack(PackSettings),
        /// Run one MoE layer forward and backward and measure its speed.
        Layer(LayerSettings),
        /// Route hidden states and measure what one router does and costs.
        Router(RouterSettings),
        /// Round a model's maps to four bits and measure what that changes.
        Quantise(QuantiseSettings),
        /// Fine-tune a pretrained model by adapters and routers.
        Finetune(FinetuneSettings),
    }
    beside {
        /// Time the steps of a sweep's cells in turn; made by `[speed]`, written in no file.
        Speed(SpeedSettings),
    }
}

impl JobKind {
    /// The job of those who name none.
    pub(crate) const USUAL: Self = Self::ALL[0];

    /// The name in `job = "..."` and in result tables.
    pub(crate) fn name(self) -> &'static str {
        self.facts().name
    }

    /// The job of that name that a file can ask for.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.name() == name)
    }

    /// What to write in place of a job that no file can ask for.
    pub(crate) fn instead(name: &str) -> Option<&'static str> {
        let mut beside = Self::BESIDE.into_iter();
        let job = beside.find(|job| job.name() == name)?;
        job.beside().map(|job| job.instead)
    }

    /// Whether trials of the job of that name are cells of a sweep, and not done beside them.
    pub(crate) fn is_of_cells(name: &str) -> bool {
        Self::instead(name).is_none()
    }

    /// How its trials come to be, where no file can ask for them.
    pub(crate) fn beside(self) -> Option<Beside> {
        self.facts().beside
    }

    /// The tables of a sweep file that hold this job's settings.
    pub(crate) fn sections(self) -> &'static [&'static str] {
        self.facts().sections
    }

    /// Short names of settings, for axes and `--set`.
    pub(crate) fn short_names(self) -> &'static [(&'static str, &'static str)] {
        self.facts().short_names
    }

    /// The dotted path that a short name stands for.
    pub(crate) fn long_path(self, short: &str) -> Option<&'static str> {
        let mut names = self.short_names().iter();
        names
            .find(|(name, _)| *name == short)
            .map(|(_, path)| *path)
    }

    /// Settings that stand in the place of others, each with the one that it replaces.
    pub(crate) fn alternatives(self) -> &'static [(&'static str, &'static str)] {
        self.facts().alternatives
    }

    /// Settings that hold one member of a family.
    pub(crate) fn families(self) -> &'static [&'static str] {
        self.facts().families
    }
}

impl JobSettings {
    /// Writes what is really used where one setting decides another.
    pub(crate) fn resolve(&mut self) {
        self.job_mut().resolve();
    }

    /// The settings that a trial's id is made from.
    pub(crate) fn asked(&self) -> Value {
        let mut json = self.to_json();
        if let Some(tables) = json.as_object_mut() {
            for table in self.job().unasked() {
                tables.remove(*table);
            }
        }
        json
    }

    /// Fills the columns of a trial's row that follow from its settings.
    pub(crate) fn fill(&self, row: &mut TrialRow) {
        let dense = self.job().moe().filter(|moe| dense::is_dense(moe));
        let has = |path: &str| dense.is_none() || !dense::is_of_mixture(path);
        columns::fill(row, self.kind().facts().columns, &self.to_json(), has);
        self.job().fill(row);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use runstore::tables::Row;

    use super::*;
    use crate::schema::SettingsSchema;

    fn row(job: JobKind, text: &'static str) -> TrialRow {
        let tree = DeTable::parse(text).unwrap().into_inner();
        let mut settings = JobSettings::read(job, tree).unwrap();
        settings.resolve();
        let mut row = TrialRow::default();
        settings.fill(&mut row);
        row
    }

    #[test]
    fn what_a_job_says_of_itself_is_there() {
        for job in JobKind::ALL {
            let (facts, schema) = (job.facts(), SettingsSchema::of(job));
            let keys = schema.root()["properties"].as_object().unwrap().keys();
            let sections = facts.sections.iter().map(|name| (*name).to_owned());
            let sections: BTreeSet<String> = sections.collect();
            assert_eq!(sections, keys.cloned().collect(), "{}", facts.name);
            let shown = facts.headlines.iter().map(|measure| measure.column);
            for column in shown.chain(facts.told.iter().copied()) {
                let known = TrialRow::SCHEMA.column(column);
                assert!(known.is_some(), "{}: no column {column}", facts.name);
            }
            let mut columns = BTreeSet::new();
            for column in facts.columns.iter().copied().flatten() {
                let name = column.name();
                assert!(TrialRow::SCHEMA.column(&name).is_some(), "no column {name}");
                assert!(columns.insert(name), "{} is there twice", column.path);
                let setting = column
                    .path
                    .split_once(".*")
                    .map_or(column.path, |(at, _)| at);
                let known = schema.paths().iter().any(|path| path == setting);
                assert!(known, "{}: no setting {}", facts.name, column.path);
            }
            assert_eq!(JobKind::from_name(facts.name), Some(job));
            assert!(JobKind::is_of_cells(facts.name));
        }
        assert_eq!(JobKind::from_name("speed"), None);
        assert!(!JobKind::is_of_cells("speed"));
    }

    #[test]
    fn reports_know_jobs_by_their_names() {
        use report::jobs::{FINETUNE, LAYER, PACK, QUANTISE, ROUTER, SPEED, TRAIN, is_of_cells};
        for name in [TRAIN, FINETUNE, QUANTISE, PACK, LAYER, ROUTER] {
            assert!(JobKind::from_name(name).is_some(), "{name}");
        }
        let all = JobKind::ALL.into_iter().chain(JobKind::BESIDE);
        for name in all.map(JobKind::name).chain([SPEED]) {
            assert_eq!(is_of_cells(name), JobKind::is_of_cells(name), "{name}");
        }
    }

    #[test]
    fn settings_are_in_the_columns_of_their_names() {
        let text = "data = { corpus = { tinytales = { stories = 9 } }, tokenizer = 'char' }\n\
                    model.tiny-moe = { layers = 3, dim = 32, heads = 4, dropout = 0.1 }\n\
                    moe = { experts = 4, k = 2, ffn-multiple = 2, eval-capacity-factor = 2.0 }\n\
                    router = { strategy = 'hash', balancers = ['switch', 'z-loss'] }\n\
                    train = { steps = 7, batch = 2, learning-rate = 0.5, precision = 'bf16' }";
        let row = row(JobKind::Train, text);
        let texts = [row.corpus, row.tokenizer, row.model, row.precision];
        assert_eq!(
            texts.map(Option::unwrap),
            ["tinytales", "char", "tiny-moe", "bf16"]
        );
        let counts = [row.layers, row.dim, row.heads, row.ffn_dim, row.steps];
        assert_eq!(counts, [3, 32, 4, 64, 7].map(Some));
        assert_eq!((row.dropout, row.learning_rate), (Some(0.1), Some(0.5)));
        assert_eq!((row.experts, row.top_k), (Some(4), Some(2)));
        assert_eq!(row.strategy.as_deref(), Some("hash"));
        assert_eq!(row.balancer.as_deref(), Some("switch+z-loss"));
        assert_eq!(row.eval_capacity_factor, Some(2.0));
        assert_eq!(row.renormalise, Some(true));
        assert_eq!(row.drop_policy.as_deref(), Some("position"));
        assert_eq!(row.tokens, None);
    }

    #[test]
    fn what_is_none_is_null_and_an_empty_list_is_none() {
        let row = row(
            JobKind::Train,
            "router.balancers = []\nmodel = { qwen2-moe = { layers = 2 } }",
        );
        assert_eq!((row.eval_capacity_factor, row.dropout), (None, None));
        assert_eq!(row.balancer.as_deref(), Some("none"));
        assert_eq!(
            (row.model.as_deref(), row.layers),
            (Some("qwen2-moe"), Some(2))
        );
    }

    #[test]
    fn a_dense_reference_has_its_width_and_no_columns_of_routing() {
        let text = "moe = { dense = 'active', k = 3, ffn-multiple = 2 }\nlayer.dim = 8";
        let row = row(JobKind::Layer, text);
        assert_eq!(row.strategy.as_deref(), Some("dense-active-3"));
        // D = 8, F = 16, three of them.
        assert_eq!((row.dim, row.ffn_dim), (Some(8), Some(48)));
        assert_eq!((row.experts, row.top_k, row.scorer), (None, None, None));
        assert_eq!((row.capacity_factor, row.dispatch), (None, None));
    }

    #[test]
    fn a_strategy_that_scores_nothing_has_no_scorer() {
        let scorer = |text| {
            let row = row(JobKind::Router, text);
            (row.router.unwrap(), row.scorer, row.hidden_source.unwrap())
        };
        let (router, own, source) = scorer("router.strategy = 'hash'");
        assert_eq!((&*router, own, &*source), ("hash", None, "random"));
        let (router, own, _) = scorer("router.scorer = 'mlp'");
        assert_eq!((&*router, own.as_deref()), ("mlp", Some("mlp")));
    }

    #[test]
    fn pack_has_columns_of_its_own() {
        let row = row(JobKind::Pack, "pack = { load = 'zipf', width = 8 }");
        assert_eq!(
            (row.packing.as_deref(), row.load_shape.as_deref()),
            (Some("compact"), Some("zipf"))
        );
        assert_eq!((row.width, row.capacity_factor), (Some(8), Some(1.25)));
    }
}
