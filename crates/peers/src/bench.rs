//! The benchmark: for every case and precision, what agrees and how fast it is.

use burn::tensor::Device;
use kernels::Precision;
use runstore::tables::PeerRow;

use crate::{
    Event, Options, PeersError,
    cases::{Ffn, Layer, Ours, Rows, Setting, Step},
    compare::Comparison,
    pool::{Pool, Variant},
    rounds::Rounds,
    row,
    scale::Question,
};

/// Runs a benchmark.
///
/// # Errors
///
/// When Python, PyTorch or the programs are missing, nothing is selected, or our side fails. What
/// goes wrong with one PyTorch program is in its row.
pub fn run(
    options: &Options,
    device: &Device,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Vec<PeerRow>, PeersError> {
    if !(options.device == "cpu" || options.device.starts_with("cuda")) {
        return Err(PeersError::NoCounterpart(options.device.clone()));
    }
    let questions = selected(options)?;
    let mut pool = Pool::new(options);
    let hello = pool.hello()?;
    tell(Event::Found {
        torch: &hello.torch,
    });
    let provenance = options.provenance.clone();
    let mut rows = Vec::new();
    for question in &questions {
        for &precision in &options.precisions {
            if precision == Precision::BF16 && !question.multiplies() {
                continue;
            }
            let name = question.name();
            tell(Event::Case {
                name: &name,
                precision: precision.name(),
            });
            let setting = Setting {
                device: device.clone(),
                precision: precision.on(device),
            };
            let ours = open(question, &setting);
            let comparison = Comparison {
                ours,
                device,
                wish: precision,
                rounds: Rounds {
                    warmup: options.warmup,
                    samples: options.samples,
                    pause: options.pause,
                },
                folder: options.work.join(name.replace('/', "-")),
            };
            let variants = variants(question, options);
            let outcome = comparison.run(&variants, &mut pool, tell)?;
            let facts = row::Facts {
                options,
                question,
                hello: &hello,
                provenance: &provenance,
                wish: precision,
                ours: setting.precision,
            };
            for row in row::rows(&facts, &outcome) {
                tell(Event::Done(&row));
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

fn open(question: &Question, setting: &Setting) -> Box<dyn Ours> {
    match question {
        Question::Step(sizes) => Box::new(Step::new(sizes, setting)),
        Question::Layer(sizes) => Box::new(Layer::new(sizes, setting)),
        Question::Ffn(sizes) => Box::new(Ffn::new(sizes, setting)),
        Question::Rows(sizes) => Box::new(Rows::new(sizes, setting)),
    }
}

fn variants(question: &Question, options: &Options) -> Vec<Variant> {
    let both = |&program: &&'static str| [false, true].map(|compile| Variant { program, compile });
    let asked = |variant: &Variant| {
        options.variants.is_empty() || options.variants.contains(&variant.name())
    };
    let all = question.programs().iter().flat_map(both);
    all.filter(asked).collect()
}

fn selected(options: &Options) -> Result<Vec<Question>, PeersError> {
    let all = Question::all(options.scale);
    let known = |names: Vec<String>| names.join(", ");
    let nothing = |asked: &str, known: String| PeersError::NothingSelected {
        asked: format!("`{asked}`"),
        known,
    };
    for asked in &options.only {
        if !all
            .iter()
            .any(|question| question.name().starts_with(asked))
        {
            let names = all.iter().map(Question::name).collect();
            return Err(nothing(asked, known(names)));
        }
    }
    let everything = Options {
        variants: Vec::new(),
        ..options.clone()
    };
    let mut programs: Vec<String> = all
        .iter()
        .flat_map(|question| variants(question, &everything))
        .map(Variant::name)
        .collect();
    programs.dedup();
    for asked in &options.variants {
        if !programs.contains(asked) {
            return Err(nothing(asked, known(programs)));
        }
    }
    let wanted = |question: &Question| {
        let name = question.name();
        (options.only.is_empty() || options.only.iter().any(|asked| name.starts_with(asked)))
            && !variants(question, options).is_empty()
    };
    Ok(all.into_iter().filter(wanted).collect())
}
