//! The columns of trials and steps, computed again from the rows of the other tables by a path that
//! shares no code with the program.

use std::collections::BTreeMap;

use runstore::{
    Collected, read_results,
    tables::{ExpertRow, StepRow, TokenRow, TrialRow},
};

use crate::fixture::Lab;

/// Everything is logged: each step, and every window of the evaluation. One batch of it is four
/// windows, so that all that it reads is among the samples.
const SMALL: &str = "name = 'small'\nquestion = 'q'\njob = 'train'\nseeds = [3]\n\
    [data]\ncorpus = { tinytales = { stories = 60 } }\n\
    [model.tiny-moe]\nlayers = 2\ndim = 16\nheads = 2\n[moe]\nexperts = 4\ncapacity-factor = 0.75\n\
    [train]\nsteps = 5\nbatch = 4\nsequence = 16\nwarmup = 1\nlog-every = 1\neval-every = 5\n\
    eval-windows = 4\nlearning-rate = 0.003\n\
    [axes]\nstrategy = ['top1', 'soft-top-k', 'hash', 'expert-choice', 'relu', 'sigmoid-top-k']\n\
    eval-capacity-factor = ['none', 0.75]\nbalancers = [[], ['switch']]\n";

fn collected() -> Collected {
    let lab = Lab::new();
    let file = lab.file("small.toml", SMALL);
    lab.xp(&format!("sweep {file}")).expect(0);
    read_results(&lab.results("small", "base-cpu")).expect("results")
}

#[track_caller]
fn close(what: &str, trial: &TrialRow, column: Option<f64>, expected: f64) {
    let strategy = trial.strategy.as_deref().unwrap_or_default();
    let column = column.unwrap_or_else(|| panic!("{strategy}: {what} is null"));
    let error = (column - expected).abs() / expected.abs().max(1e-3);
    assert!(
        error < 2e-5,
        "{strategy}: {what} is {column}, recomputed {expected}"
    );
}

fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let numbers: Vec<f64> = numbers.into_iter().collect();
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The loads of a layer, before and after drops.
type Loads = (Vec<f64>, Vec<f64>);

/// The loads of each layer.
fn loads(experts: &[&ExpertRow]) -> Vec<Loads> {
    let mut layers: BTreeMap<u64, Loads> = BTreeMap::new();
    for row in experts {
        let (before, after) = layers.entry(row.layer).or_default();
        before.push(row.assignments_before as f64);
        after.push(row.assignments_after as f64);
    }
    layers.into_values().collect()
}

fn variation(loads: &[f64]) -> f64 {
    let mean = mean(loads.iter().copied());
    let square = loads.iter().map(|load| (load - mean).powi(2)).sum::<f64>() / loads.len() as f64;
    square.sqrt() / mean
}

fn entropy(loads: &[f64]) -> f64 {
    let sum: f64 = loads.iter().sum();
    let shares = loads.iter().map(|load| load / sum);
    -shares.filter(|&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

/// A batch has 4 windows of 16 tokens.
const TOKENS: f64 = 64.0;

fn check_loads(trial: &TrialRow, step: &StepRow, experts: &[&ExpertRow]) {
    let layers = loads(experts);
    assert_eq!(layers.len(), 2);
    let of = |measure: &dyn Fn(&Loads) -> f64| mean(layers.iter().map(measure));
    let sum = |loads: &[f64]| loads.iter().sum::<f64>();
    close(
        "drop_rate",
        trial,
        step.drop_rate,
        of(&|l| 1.0 - sum(&l.1) / sum(&l.0)),
    );
    // An interval of one step: the batch and the sum are one.
    for column in [step.load_cv_before, step.load_cv_summed_before] {
        close("load_cv_before", trial, column, of(&|l| variation(&l.0)));
    }
    close(
        "load_cv_after",
        trial,
        step.load_cv_after,
        of(&|l| variation(&l.1)),
    );
    let violation = |loads: &[f64]| {
        let most = loads.iter().copied().fold(0.0, f64::max);
        most / mean(loads.iter().copied()) - 1.0
    };
    close(
        "max_violation",
        trial,
        step.max_violation,
        of(&|l| violation(&l.0)),
    );
    let dead = |loads: &[f64]| loads.iter().filter(|&&load| load == 0.0).count() as f64;
    close(
        "dead_experts",
        trial,
        step.dead_experts,
        of(&|l| dead(&l.0)),
    );
    close(
        "load_entropy_before",
        trial,
        step.load_entropy_before,
        of(&|l| entropy(&l.0)),
    );
    close(
        "load_entropy_after",
        trial,
        step.load_entropy_after,
        of(&|l| entropy(&l.1)),
    );
    close(
        "expert_rows_per_token",
        trial,
        step.expert_rows_per_token,
        of(&|l| sum(&l.1) / TOKENS),
    );
}

fn check_evaluation(trial: &TrialRow, tokens: &[&TokenRow]) {
    let mut losses: BTreeMap<(u64, u64), f64> = BTreeMap::new();
    let mut kept: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for row in tokens {
        losses.insert((row.window, row.position), row.nll.expect("a loss"));
        let (all, some) = kept.entry(row.layer).or_default();
        *all += 1.0;
        *some += f64::from(u8::from(row.kept));
    }
    // A token that no expert took has no row: expert choice may leave some out.
    if losses.len() == TOKENS as usize {
        let nll = mean(losses.into_values());
        close("valid_loss", trial, trial.valid_loss, nll);
        close("perplexity", trial, trial.perplexity, nll.exp());
    } else {
        let some_unrouted = ["expert-choice", "relu"];
        let strategy = trial.strategy.as_deref().unwrap_or_default();
        assert!(some_unrouted.contains(&strategy), "{strategy}");
    }
    let dropped = mean(kept.into_values().map(|(all, some)| 1.0 - some / all));
    close("eval_drop_rate", trial, trial.eval_drop_rate, dropped);
}

#[test]
fn columns_are_what_the_other_tables_say() {
    let tables = collected();
    assert_eq!(tables.trials.len(), 24);
    let mut taught = 0;
    for trial in &tables.trials {
        let id = &trial.trial_id;
        let steps: Vec<&StepRow> = tables.steps.iter().filter(|r| r.trial_id == *id).collect();
        assert_eq!(steps.len(), 5);
        let mut flops = 0.0;
        for step in steps {
            let experts = tables.experts.iter();
            let own = experts.filter(|row| row.trial_id == *id && row.step == step.step);
            check_loads(trial, step, &own.collect::<Vec<_>>());
            flops += 3.0 * TOKENS * forward_flops(trial, step);
            close("train_flops", trial, step.train_flops, flops);
            // Without an auxiliary loss both norms are of one loss. ReLU routing has its own.
            let own = trial.strategy.as_deref() == Some("relu");
            if trial.balancer.as_deref() == Some("none") && !own {
                let lm = step.router_grad_norm_lm.expect("measured");
                close(
                    "router_grad_norm_total",
                    trial,
                    step.router_grad_norm_total,
                    lm,
                );
                taught += usize::from(lm > 0.0);
            }
        }
        close("train_flops", trial, trial.train_flops, flops);
        let tokens: Vec<&TokenRow> = tables.tokens.iter().filter(|r| r.trial_id == *id).collect();
        check_evaluation(trial, &tokens);
        check_capacities(trial);
    }
    assert!(
        taught > 0,
        "no router was taught by the language model alone"
    );
}

/// Two for each multiplication and addition of a token: attention's four maps of D = 16 and its two
/// products at the mean length of 16 tokens, the scorer of 4 experts, rows of an expert of F = 64, in
/// two layers, and the head.
fn forward_flops(trial: &TrialRow, step: &StepRow) -> f64 {
    let attention = 8.0 * 256.0 + 2.0 * 16.0 * 17.0;
    let scores = if trial.strategy.as_deref() == Some("hash") {
        0.0
    } else {
        2.0 * 16.0 * 4.0
    };
    let rows = step.expert_rows_per_token.expect("measured");
    let head = 2.0 * 16.0 * trial.vocab.expect("known") as f64;
    2.0 * (attention + scores + rows * 4.0 * 16.0 * 64.0) + head
}

#[test]
fn a_batch_is_less_even_than_the_sum_of_its_interval() {
    let lab = Lab::new();
    let (head, _) = SMALL.split_once("[axes]").expect("axes");
    let head = head.replace("log-every = 1", "log-every = 5");
    let text = format!("{head}[axes]\nstrategy = ['random', 'soft-top-k']\n");
    let file = lab.file("small.toml", text);
    lab.xp(&format!("sweep {file}")).expect(0);
    let tables = read_results(&lab.results("small", "base-cpu")).expect("results");
    for step in &tables.steps {
        let (batch, summed) = (step.load_cv_before, step.load_cv_summed_before);
        assert!(batch > summed, "{step:?}");
        assert!(step.max_violation > step.max_violation_summed, "{step:?}");
    }
    assert_eq!(tables.steps.len(), tables.trials.len());
}

/// What the two capacities of evaluation owe each other.
fn check_capacities(trial: &TrialRow) {
    let (own, limited) = (trial.perplexity, trial.perplexity_train_capacity);
    let strategy = trial.strategy.as_deref().unwrap_or_default();
    let drops = trial.eval_drop_rate.expect("measured");
    if strategy == "expert-choice" {
        assert_eq!((drops, own), (0.0, limited), "its experts choose");
        assert_eq!(trial.causal, Some(false));
        return;
    }
    assert!(drops > 0.0, "{strategy}: 0.75 of the room drops something");
    if trial.eval_capacity_factor.is_none() {
        assert_ne!(own, limited, "{strategy}");
        assert_eq!(trial.causal, Some(true), "{strategy}: nothing is dropped");
    } else {
        assert_eq!(own, limited, "{strategy}");
        assert_eq!(trial.causal, trial.causal_in_training);
    }
    // With one choice the queue is the order of the batch; with two a later token can be first.
    let one = trial.top_k == Some(1);
    assert_eq!(trial.causal_in_training, Some(one), "{strategy}");
}

#[test]
fn the_entropy_of_a_router_is_that_of_its_probabilities() {
    let lab = Lab::new();
    let text = "name = 'states'\nquestion = 'q'\njob = 'router'\nseeds = [3]\n\
        [hidden]\nsource = { random = { width = 64 } }\nshape = { sequences = 4, length = 8 }\ntokens = 32\n\
        [measure]\nruns = 1\nwarmup = 0\nsample = 32\n[router]\nlogit-std = 2.0\n\
        [axes]\nstrategy = ['sigmoid-top-k', 'soft-top-k', 'relu']\n";
    let file = lab.file("states.toml", text);
    lab.xp(&format!("sweep {file}")).expect(0);
    let tables = read_results(&lab.results("states", "base-cpu")).expect("results");
    for trial in &tables.trials {
        if trial.strategy.as_deref() == Some("relu") {
            assert_eq!(trial.router_entropy, None, "it has no probabilities");
            continue;
        }
        let mut tokens: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for row in &tables.probabilities {
            if row.trial_id == trial.trial_id {
                let probability = row.probability.expect("scored");
                tokens.entry(row.token).or_default().push(probability);
            }
        }
        assert_eq!(tokens.len(), 32);
        let expected = mean(tokens.values().map(|p| entropy(p)));
        close("router_entropy", trial, trial.router_entropy, expected);
    }
}
