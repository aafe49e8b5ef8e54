//! The `train` job with each of its models.

use routers::StrategyConfig;
use runstore::{read_results, read_trials, tables::TrialStatus};

use crate::fixture::Lab;

const TINY: &str = "[data]\ncorpus = { tinytales = { stories = 60 } }\n\
    [train]\nsteps = 2\nbatch = 2\nsequence = 16\nwarmup = 1\neval-windows = 2\n";

/// Qwen's own experts, gated and with a shared one, behind every strategy.
#[test]
fn qwen2_moe_learns_from_scratch_under_every_strategy() {
    let lab = Lab::new();
    let strategies: Vec<_> = StrategyConfig::MEMBERS
        .iter()
        .map(|member| format!("'{}'", member.name))
        .collect();
    let text = format!(
        "name = 'decoder'\nquestion = 'which?'\njob = 'train'\nseeds = [1]\n{TINY}\
         [model.qwen2-moe]\nlayers = 2\ndim = 16\nheads = 2\nkey-heads = 1\n\
         [moe]\nexperts = 4\nk = 2\nexpert = 'gated'\nexpert-hidden = 12\n\
         shared = {{ hidden = 8, gate = true }}\n[axes]\nstrategy = [{}]\n",
        strategies.join(", ")
    );
    let file = lab.file("decoder.toml", text);
    lab.xp(&format!("sweep {file}")).expect(0);
    let trials = read_trials(&lab.results("decoder", "base-cpu")).expect("results");
    assert_eq!(trials.len(), StrategyConfig::MEMBERS.len());
    for trial in &trials {
        assert_eq!(trial.status, TrialStatus::Done, "{:?}", trial.strategy);
        assert_eq!(trial.model.as_deref(), Some("qwen2-moe"));
        assert!(trial.valid_loss.is_some_and(f64::is_finite));
    }
}

#[test]
fn heads_that_do_not_share_the_width_are_found_first() {
    let lab = Lab::new();
    let text = format!(
        "name = 'odd'\nquestion = 'which?'\njob = 'train'\nseeds = [1]\n{TINY}\
         [model.qwen2-moe]\nlayers = 2\ndim = 18\nheads = 2\n"
    );
    let file = lab.file("odd.toml", text);
    let ran = lab.xp(&format!("plan {file}")).expect(2);
    ran.says(&["dim must be a multiple of twice the heads", "odd.toml"]);
}

/// Those of balancers and of a strategy, and the columns that some of them have beside.
#[test]
fn every_loss_that_is_minimised_has_rows() {
    let lab = Lab::new();
    let text = format!(
        "name = 'losses'\nquestion = 'which?'\njob = 'train'\nseeds = [1]\n{TINY}\
         log-every = 1\n\
         [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
         [router]\nstrategy = 'relu'\nbalancers = ['switch', 'z-loss']\n"
    );
    let file = lab.file("losses.toml", text);
    lab.xp(&format!("sweep {file}")).expect(0);
    let found = read_results(&lab.results("losses", "base-cpu")).expect("results");
    let losses = &found.losses;
    let names = |step| {
        let own = losses.iter().filter(move |row| row.step == step);
        own.map(|row| row.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(names(1), ["relu-l1", "switch", "z-loss"]);
    assert_eq!(names(1), names(2));
    let cell = &found.trials[0].cell_id;
    assert!(
        losses
            .iter()
            .all(|row| row.cell_id == *cell && cell.is_some())
    );
    let last = &found.steps[found.steps.len() - 1];
    let own = losses.iter().rfind(|row| row.name == "z-loss");
    assert_eq!(last.aux_z_loss, own.and_then(|row| row.value));
    assert!(last.aux_z_loss.is_some_and(|loss| loss > 0.0));
}
