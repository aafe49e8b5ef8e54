//! Students in the place of trained routers, and budgets by layer, from the file to the table.

use runstore::tables::TrialRow;

use crate::fixture::Lab;

const HEADER: &str = "name = 'small'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n\
    [data]\ncorpus = { tinytales = { stories = 100 } }\n\
    [model.tiny-moe]\nlayers = 2\ndim = 16\nheads = 2\ndropout = 0.0\n\
    [moe]\nexperts = 4\ndrop = 'none'\n\
    [train]\nsteps = 40\nwarmup = 1\nbatch = 4\nsequence = 16\neval-windows = 8\nlearning-rate = 1e-2\n";

/// The rows that a sweep leaves, in the order of their ids.
fn rows(text: &str) -> Vec<TrialRow> {
    let lab = Lab::new();
    let file = lab.file("small.toml", text);
    lab.xp(&format!("sweep {file}")).expect(0);
    runstore::read_trials(&lab.results("small", "base-cpu")).expect("the tables")
}

#[test]
fn a_student_of_the_teachers_own_kind_learns_what_it_does() {
    let distil = "[router]\nlogit-std = 2.0\n\
        [distil]\nstudent = 'linear'\nbatches = 16\nsteps = 800\nlearning-rate = 1e-2\n";
    let rows = rows(&format!("{HEADER}{distil}"));
    let [row] = rows.as_slice() else {
        panic!("one trial: {rows:?}")
    };
    let number = |value: Option<f64>| value.expect("it was measured");
    let (own, fresh, fitted) = (
        number(row.perplexity),
        number(row.student_perplexity_fresh),
        number(row.student_perplexity),
    );
    // Two of four experts are as often as not two of four others.
    let (before, after) = (
        number(row.student_agreement_fresh),
        number(row.student_agreement),
    );
    assert!((0.2..0.8).contains(&before), "{before}");
    assert!(after > 0.9 && after <= 1.0, "{before} to {after}");
    assert!(
        (fitted - own).abs() < (fresh - own).abs(),
        "{own}: {fresh} to {fitted}"
    );
    assert!(
        (fitted / own - 1.0).abs() < 0.01,
        "{own}: {fresh} to {fitted}"
    );
    // A linear scorer of 16 to 4 without bias in each of two layers.
    assert_eq!(row.student_params_router, Some(128));
    assert_eq!(row.params_router, Some(128));
    assert_eq!(row.student.as_deref(), Some("linear"));
    assert_eq!(row.initial_logit_std, Some(2.0));
}

#[test]
fn layers_have_the_experts_that_their_budgets_give_them() {
    let axes = "[[axes]]\nk = [2]\n[[axes]]\nk-by-layer = [[1, 3], [2, 2]]\n";
    let rows = rows(&format!("{HEADER}{axes}"));
    // Two for every layer is the k of all.
    assert_eq!(rows.len(), 2);
    for row in &rows {
        // Nothing is dropped: the mean of 1 and 3 rows, and of 2 and 2.
        assert_eq!(row.expert_rows_per_token, Some(2.0));
        assert_eq!(row.top_k.is_none(), row.k_by_layer.is_some());
    }
    let [one, other] = [&rows[0], &rows[1]];
    assert_eq!(one.params_active, other.params_active);
    assert_eq!(one.flops_per_token, other.flops_per_token);
    let mut budgets = rows.iter().filter_map(|row| row.k_by_layer.as_deref());
    assert_eq!((budgets.next(), budgets.next()), (Some("1+3"), None));
}
