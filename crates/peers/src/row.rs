//! From an outcome to rows of the table.

use kernels::Precision;
use metrics::speed;
use runstore::{Provenance, tables::PeerRow};

use crate::{
    Options,
    compare::{Outcome, PeerOutcome, tolerance},
    process::Hello,
    rounds::Spread,
    scale::Question,
};

/// What every row of a case says.
pub(crate) struct Facts<'a> {
    pub(crate) options: &'a Options,
    pub(crate) question: &'a Question,
    pub(crate) hello: &'a Hello,
    pub(crate) provenance: &'a Provenance,
    /// The precision that was asked for, and ours.
    pub(crate) wish: Precision,
    pub(crate) ours: Precision,
}

/// A row for each program.
pub(crate) fn rows(facts: &Facts<'_>, outcome: &Outcome) -> Vec<PeerRow> {
    let mut common = settings(facts);
    sizes(&mut common, facts.question);
    common.started_at.clone_from(&outcome.started_at);
    [common.load_before, common.load_after] = outcome.load;
    let ours = Spread::of(&outcome.ours);
    let side = Side::new(facts.question, outcome.bytes, ours);
    common.ours_ms = ours.map(|spread| spread.median * 1e3);
    common.ours_ms_p10 = ours.map(|spread| spread.p10 * 1e3);
    common.ours_ms_p90 = ours.map(|spread| spread.p90 * 1e3);
    common.ours_tokens_per_s = side.tokens_per_s;
    common.ours_tflop_per_s = side.tflop_per_s;
    common.ours_gb_per_s = side.gb_per_s;
    common.bytes_moved = outcome.bytes;
    let copy = outcome.memcpy.as_deref().and_then(Spread::of);
    common.memcpy_gb_per_s = Side::new(facts.question, outcome.bytes, copy).gb_per_s;
    common.ours_memcpy_share = share(common.ours_gb_per_s, common.memcpy_gb_per_s);
    let peers = outcome.peers.iter();
    peers
        .map(|peer| with_peer(common.clone(), facts.question, outcome, peer))
        .collect()
}

fn with_peer(
    mut row: PeerRow,
    question: &Question,
    outcome: &Outcome,
    peer: &PeerOutcome,
) -> PeerRow {
    row.variant = peer.variant.name();
    if let Some(agreement) = &peer.agreement {
        row.worst_difference = Some(agreement.worst);
        row.worst_tensor = Some(agreement.tensor.clone());
    }
    row.peer_idle_cores = peer.idle_cores;
    let samples = match &peer.samples {
        Ok(samples) => samples,
        Err((status, reason)) => {
            (row.status, row.reason) = ((*status).to_owned(), Some(reason.clone()));
            return row;
        }
    };
    "timed".clone_into(&mut row.status);
    let theirs = Spread::of(samples);
    let side = Side::new(question, outcome.bytes, theirs);
    row.theirs_ms = theirs.map(|spread| spread.median * 1e3);
    row.theirs_ms_p10 = theirs.map(|spread| spread.p10 * 1e3);
    row.theirs_ms_p90 = theirs.map(|spread| spread.p90 * 1e3);
    row.ratio = row
        .theirs_ms
        .zip(row.ours_ms)
        .and_then(|(theirs, ours)| speed::share(theirs, ours));
    row.theirs_tokens_per_s = side.tokens_per_s;
    row.theirs_tflop_per_s = side.tflop_per_s;
    row.theirs_gb_per_s = side.gb_per_s;
    row.theirs_memcpy_share = share(row.theirs_gb_per_s, row.memcpy_gb_per_s);
    row
}

/// The rates of one side.
struct Side {
    tokens_per_s: Option<f64>,
    tflop_per_s: Option<f64>,
    gb_per_s: Option<f64>,
}

impl Side {
    fn new(question: &Question, bytes: Option<u64>, spread: Option<Spread>) -> Self {
        let seconds = spread.map(|spread| spread.median);
        Self {
            tokens_per_s: seconds
                .and_then(|s| speed::tokens_per_second(question.tokens() as u64, s)),
            tflop_per_s: seconds
                .zip(question.flops())
                .map(|(seconds, flops)| flops / seconds / 1e12),
            gb_per_s: seconds
                .zip(bytes)
                .and_then(|(seconds, bytes)| speed::gigabytes_per_second(bytes, seconds)),
        }
    }
}

fn share(value: Option<f64>, of: Option<f64>) -> Option<f64> {
    value
        .zip(of)
        .and_then(|(value, of)| speed::share(value, of))
}

fn settings(facts: &Facts<'_>) -> PeerRow {
    let Facts {
        options,
        hello,
        provenance,
        ..
    } = facts;
    PeerRow {
        case: facts.question.name(),
        precision: facts.wish.name().to_owned(),
        scale: options.scale.name().to_owned(),
        device: options.device.clone(),
        samples: options.samples as u64,
        warmup: options.warmup as u64,
        ours_precision: facts.ours.name().to_owned(),
        tolerance: Some(tolerance(facts.wish)),
        threads: options.threads as u64,
        torch: Some(hello.torch.clone()),
        python: Some(hello.python.clone()),
        device_name: Some(hello.device.clone()),
        host: provenance.host.clone(),
        xp_version: provenance.xp_version.clone(),
        git_sha: provenance.git_sha.clone(),
        git_dirty: provenance.git_dirty,
        rustc: provenance.rustc.clone(),
        burn_version: provenance.burn_version.clone(),
        cpu_model: provenance.cpu_model.clone(),
        cores: provenance.cores,
        ..PeerRow::default()
    }
}

fn sizes(row: &mut PeerRow, question: &Question) {
    row.tokens = question.tokens() as u64;
    let count = |value: usize| Some(value as u64);
    match question {
        Question::Step(sizes) | Question::Layer(sizes) => {
            row.dim = sizes.dim as u64;
            row.hidden = count(sizes.hidden());
            row.experts = count(sizes.experts);
            row.top_k = count(sizes.k);
            row.capacity = count(sizes.capacity());
            row.sequence = count(sizes.sequence);
            row.batch = count(sizes.batch);
            if let Question::Step(_) = question {
                row.layers = count(sizes.layers);
                row.heads = count(sizes.heads);
                row.vocab = count(sizes.vocab);
            }
        }
        Question::Ffn(sizes) => {
            row.dim = sizes.dim as u64;
            row.hidden = count(sizes.k * sizes.hidden());
        }
        Question::Rows(sizes) => {
            row.dim = sizes.dim as u64;
            row.experts = count(sizes.experts);
            row.top_k = count(sizes.k);
        }
    }
}
