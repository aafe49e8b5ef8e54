//! How large sizes may be. Beyond these limits numbers would wrap round, or no machine has the memory.

use moe_layer::MoeConfig;
use serde::Serialize;
use serde_json::Value;

use super::problem::SettingProblem;

/// Widths, layers, experts, and repetitions: three of them multiply without wrapping round.
pub(in crate::jobs) const MOST: usize = 1 << 20;

/// Tokens of a batch: loads are counted in f32, which holds every whole number up to here.
pub(in crate::jobs) const MOST_TOKENS: usize = 1 << 24;

/// Steps, and what a device numbers: it does so in 32 bits.
pub(in crate::jobs) const MOST_NUMBERED: usize = i32::MAX as usize;

/// Parameters of a model.
const MOST_PARAMETERS: f64 = 1e12;

/// Refuses settings above `most`.
pub(in crate::jobs) fn at_most(
    most: usize,
    sizes: &[(&'static str, usize)],
) -> Vec<SettingProblem> {
    let above = sizes.iter().filter(|(_, size)| *size > most);
    above
        .map(|(path, size)| SettingProblem {
            message: format!("`{path}` must be at most {most}, got {size}"),
            paths: vec![path],
            help: "lower it".into(),
        })
        .collect()
}

/// Refuses whole numbers above [`MOST`] anywhere in the settings at `path`, seeds apart.
pub(crate) fn all_at_most(path: &'static str, settings: &impl Serialize) -> Vec<SettingProblem> {
    let json = serde_json::to_value(settings).expect("settings are plain data with text keys");
    let mut problems = Vec::new();
    walk(&json, path, &mut |name, number| {
        problems.push(SettingProblem {
            message: format!("`{name}` must be at most {MOST}, got {number}"),
            paths: vec![path],
            help: "lower it".into(),
        });
    });
    problems
}

fn walk(json: &Value, name: &str, above: &mut dyn FnMut(&str, u64)) {
    match json {
        Value::Number(number) => {
            let number = number.as_u64().filter(|&number| number > MOST as u64);
            if let Some(number) = number.filter(|_| !name.ends_with("seed")) {
                above(name, number);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, name, above)),
        Value::Object(fields) => {
            for (key, value) in fields {
                walk(value, &format!("{name}.{key}"), above);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Refuses batches that a device cannot number: of `sequences` of `length` tokens with `k` experts each.
pub(in crate::jobs) fn batch(
    (sequences, length): (usize, usize),
    k: usize,
    paths: &[&'static str],
) -> Option<SettingProblem> {
    let tokens = sequences.checked_mul(length);
    let Some(tokens) = tokens.filter(|&tokens| tokens <= MOST_TOKENS) else {
        return Some(SettingProblem {
            message: format!(
                "{sequences} x {length} tokens in a batch are more than {MOST_TOKENS}, up to which \
                 loads are counted exactly"
            ),
            paths: paths.to_vec(),
            help: "make the batch smaller".into(),
        });
    };
    let numbered = tokens.checked_mul(k);
    (numbered.is_none_or(|numbered| numbered > MOST_NUMBERED)).then(|| SettingProblem {
        message: format!(
            "{tokens} tokens of {k} experts each are more than the {MOST_NUMBERED} assignments that \
             a device can number"
        ),
        paths: [paths, &["moe.k"]].concat(),
        help: "make the batch smaller, or lower `k`".into(),
    })
}

/// Refuses models that no machine holds: `layers` of attention and mixture, `width` wide.
pub(in crate::jobs) fn parameters(
    layers: usize,
    moe: &MoeConfig,
    width: usize,
    paths: &[&'static str],
) -> Option<SettingProblem> {
    let expert = moe.expert_dims(width);
    let shared = moe.shared.as_ref().map_or(0, |shared| shared.hidden.get());
    let hidden = expert.experts as f64 * expert.hidden as f64 + shared as f64;
    let matrices = 4.0 * width as f64 + expert.kind.matrices() as f64 * hidden;
    let layer = width as f64 * matrices;
    let count = layers as f64 * layer;
    (count > MOST_PARAMETERS).then(|| SettingProblem {
        message: format!(
            "about {count:.1e} parameters are more than {MOST_PARAMETERS:.0e}, which is far beyond \
             any machine that this program runs on"
        ),
        paths: paths.to_vec(),
        help: "lower one of the sizes".into(),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::jobs::{JobKind, JobSettings};

    fn problems(job: JobKind, text: &str) -> Vec<String> {
        let text: &'static str = Box::leak(text.into());
        let tree = toml::de::DeTable::parse(text).unwrap().into_inner();
        let mut settings = JobSettings::read(job, tree).unwrap();
        settings.resolve();
        let found = settings.job().check().into_iter();
        found.map(|problem| problem.message).collect()
    }

    #[rstest]
    #[case(
        JobKind::Train,
        "model.tiny-moe.dim = 8589934592",
        "`model.tiny-moe.dim` must be at most 1048576"
    )]
    #[case(
        JobKind::Train,
        "model.tiny-moe.layers = 1000000",
        "parameters are more than 1e12"
    )]
    #[case(
        JobKind::Train,
        "moe.experts = 4294967296",
        "`moe.experts` must be at most"
    )]
    #[case(
        JobKind::Train,
        "train.batch = 4294967296\ntrain.sequence = 4294967296",
        "4294967296 x 4294967296 tokens"
    )]
    #[case(
        JobKind::Train,
        "train.steps = 9223372036854775807",
        "`train.steps` must be at most 2147483647"
    )]
    #[case(
        JobKind::Train,
        "router.scorer = { mlp = { hidden = 4611686018427387904 } }",
        "`router.scorer.mlp.hidden` must be"
    )]
    #[case(JobKind::Layer, "layer.tokens = 16777217", "1 x 16777217 tokens")]
    #[case(
        JobKind::Layer,
        "layer.iterations = 1000000000000",
        "`layer.iterations` must be"
    )]
    #[case(
        JobKind::Pack,
        "pack.iterations = 1000000000000",
        "`pack.iterations` must be"
    )]
    #[case(
        JobKind::Pack,
        "pack.tokens = 16777216\nmoe = { experts = 256, k = 128 }",
        "16777216 tokens of 128 experts each"
    )]
    #[case(
        JobKind::Router,
        "hidden.shape = { sequences = 4294967296, length = 4294967296 }",
        "4294967296 x 4294967296 tokens"
    )]
    #[case(
        JobKind::Router,
        "hidden.source = { random = { vocab = 4294967300 } }",
        "`hidden.source.random.vocab` must be"
    )]
    #[case(
        JobKind::Router,
        "measure.bins = 1000000000000",
        "`measure.bins` must be"
    )]
    fn sizes_that_would_wrap_round_are_refused(
        #[case] job: JobKind,
        #[case] text: &str,
        #[case] said: &str,
    ) {
        let found = problems(job, text);
        assert!(
            found.iter().any(|message| message.contains(said)),
            "{found:?}"
        );
    }

    #[test]
    fn seeds_may_be_any_number() {
        let text = "router.strategy = { hash = { table-seed = 9223372036854775807 } }";
        assert_eq!(problems(JobKind::Train, text), [""; 0]);
    }
}
