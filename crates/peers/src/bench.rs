//! The benchmark: for every case and precision, what agrees and how fast it is.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use burn::tensor::Device;
use kernels::Precision;
use runstore::{Provenance, tables::PeerRow};

use crate::{
    PeersError, Scale,
    cases::{Ffn, Layer, Ours, Rows, Setting, Step},
    compare::Comparison,
    process::{Hello, Launch, Peer},
    rounds::Rounds,
    row,
    scale::Question,
};

/// What is asked of a benchmark.
#[derive(Debug, Clone)]
pub struct Options {
    /// How large everything is.
    pub scale: Scale,
    /// This program and this machine.
    pub provenance: Provenance,
    /// Cases by the beginnings of their names; empty takes all.
    pub only: Vec<String>,
    /// PyTorch programs by name, such as `bmm+compile`; empty takes all.
    pub variants: Vec<String>,
    /// Precisions to ask of both sides.
    pub precisions: Vec<Precision>,
    /// Timed samples of each side.
    pub samples: usize,
    /// Samples before those.
    pub warmup: usize,
    /// Pause between two samples.
    pub pause: Duration,
    /// Threads of each side. Ours must have been set to as many before anything computes.
    pub threads: usize,
    /// The interpreter that has PyTorch.
    pub python: String,
    /// The folder with `peer.py`.
    pub programs: PathBuf,
    /// The device by the name that PyTorch shares with us: `cpu` or `cuda:N`.
    pub device: String,
    /// Folder for files that pass between the sides.
    pub work: PathBuf,
    /// The longest that a peer may take for one answer, compilation included.
    pub patience: Duration,
}

/// What happens while a benchmark runs.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// PyTorch is there.
    Found {
        /// Its version.
        torch: &'a str,
    },
    /// A case is prepared at a precision.
    Case {
        /// Its name.
        name: &'a str,
        /// The precision asked for.
        precision: &'a str,
    },
    /// One program was checked.
    Checked {
        /// The program.
        variant: &'a str,
        /// What came of it, in words.
        text: String,
    },
    /// A comparison is done.
    Done(&'a PeerRow),
}

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

/// A PyTorch program, as it is or compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) program: &'static str,
    pub(crate) compile: bool,
}

impl Variant {
    /// The name in tables and in `--variant`.
    pub(crate) fn name(self) -> String {
        let ending = if self.compile { "+compile" } else { "" };
        format!("{}{ending}", self.program)
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

/// A peer for each PyTorch program, so that one that breaks down takes no other with it.
pub(crate) struct Pool {
    launch: Launch,
    peers: BTreeMap<String, Peer>,
}

impl Pool {
    fn new(options: &Options) -> Self {
        Self {
            launch: Launch {
                python: options.python.clone(),
                programs: options.programs.clone(),
                device: options.device.clone(),
                threads: options.threads,
                work: options.work.clone(),
                patience: options.patience,
            },
            peers: BTreeMap::new(),
        }
    }

    /// Asks PyTorch who it is.
    fn hello(&self) -> Result<Hello, PeersError> {
        let (_, hello) = Peer::start(&self.launch, "hello")?;
        if hello.threads != self.launch.threads {
            let (theirs, ours) = (hello.threads, self.launch.threads);
            return Err(PeersError::Peer(format!(
                "uses {theirs} threads and not {ours}"
            )));
        }
        Ok(hello)
    }

    /// Takes the peer of a program out, started if it is not there.
    pub(crate) fn take(&mut self, variant: Variant) -> Result<Peer, PeersError> {
        let name = variant.name();
        match self.peers.remove(&name) {
            Some(peer) => Ok(peer),
            None => Ok(Peer::start(&self.launch, &name)?.0),
        }
    }

    /// Puts a peer that still answers back.
    pub(crate) fn put_back(&mut self, variant: Variant, peer: Peer) {
        self.peers.insert(variant.name(), peer);
    }
}
