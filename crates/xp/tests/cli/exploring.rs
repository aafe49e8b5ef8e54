//! `xp explore`: where the page goes, what is in it, and what is refused.

use std::fs;

use crate::fixture::{Lab, QUICK};

const TRAINED: &str = "name = 'trained'\nquestion = 'Who takes what?'\njob = 'train'\nseeds = [3]\n\
    [data]\ncorpus = { tinytales = { stories = 60 } }\n\
    [model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n[moe]\nexperts = 4\n\
    [train]\nsteps = 2\nbatch = 4\nsequence = 16\nwarmup = 1\nlog-every = 1\neval-every = 2\neval-windows = 4\n\
    [axes]\nstrategy = ['top1', 'soft-top-k']\n";

#[test]
fn results_become_a_page_beside_their_tables() {
    let lab = Lab::new();
    for (name, text) in [("trained.toml", TRAINED), ("quick.toml", QUICK)] {
        let file = lab.file(name, text);
        lab.xp(&format!("sweep {file}")).expect(0);
    }
    let told = lab.xp("explore results/trained/base-cpu").expect(0).stdout;
    assert_eq!(told, "results/trained/base-cpu/explore.html\n");
    let page = |path: &str| fs::read_to_string(lab.path().join(path)).expect("a page");
    let one = page("results/trained/base-cpu/explore.html");
    assert!(one.contains("Who takes what?") && one.contains("soft-top-k"));

    // A folder of results folders gives one page, which names what it has nothing of.
    let told = lab.xp("explore results").expect(0).stdout;
    assert_eq!(told, "results/explore.html\n");
    assert!(page("results/explore.html").contains("quick (base, cpu)"));
    let all = "explore results/trained/base-cpu results/quick/base-cpu results/trained/base-cpu --out all.html";
    lab.xp(all).expect(0);
    let data = |page: &str| page.matches("Who takes what?").count();
    assert_eq!(data(&page("all.html")), 1);
    lab.xp("explore results/trained/base-cpu").expect(0);
    assert_eq!(page("results/trained/base-cpu/explore.html"), one);

    // An earlier page is written over, and nothing else.
    let table = "results/trained/base-cpu/trials.parquet";
    let before = fs::read(lab.path().join(table)).unwrap();
    lab.xp(&format!("explore results/trained/base-cpu --out {table}"))
        .expect(7)
        .says(&["is no page of", "name another file"]);
    assert_eq!(fs::read(lab.path().join(table)).unwrap(), before);
}

#[test]
fn what_has_no_decisions_is_refused() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file}")).expect(0);
    lab.xp("explore results/quick/base-cpu").expect(4).says(&[
        "no routing decisions were sampled in quick (base, cpu)",
        "name the results of a sweep that trains",
    ]);
    assert!(
        !lab.results("quick", "base-cpu")
            .join("explore.html")
            .exists()
    );
    lab.xp("explore experiments").expect(7).says(&[
        "experiments holds no trials.parquet",
        "results/unified/cpu-cpu",
    ]);
    lab.xp("explore nowhere").expect(7).says(&["nowhere"]);
}
