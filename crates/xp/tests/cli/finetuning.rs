//! Sweeps of `job = "finetune"`: what is learned, what is kept of it, and going on after a kill.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use runstore::{
    Collected, read_results,
    tables::{Row, TrialRow},
};

use crate::{
    fixture::{Lab, Ran},
    runs::signal,
};

/// Sixty steps on two layers in four bits: an attention router in the place of the model's own, and deltas with
/// dropout.
pub(crate) const SWEEP: &str = r#"
    name = "tune"
    question = "?"
    job = "finetune"
    seeds = [1]
    save = "last"
    base = { model = "./base" }
    router = { swap = { scorer = { attention = { qk-dim = 8 } }, balancers = [] } }
    adapter = { lora = { r = 4, alpha = 8, dropout = 0.1, target-modules = ["q_proj", "v_proj"] } }
    data = { text = { windows = { corpus = { tinytales = { stories = 50 } } } } }
    [train]
    steps = 60
    batch = 2
    accumulate = 2
    sequence = 32
    warmup = 2
    schedule = "linear"
    learning-rate = 2e-3
    log-every = 6
    eval-first = true
    eval-every = 30
    eval-windows = 4
    checkpoint-every = 5
"#;

/// What it reads.
pub(crate) const WINDOWS: &str =
    "text = { windows = { corpus = { tinytales = { stories = 50 } } } }";

/// In its place, some lines of [`write_lines`].
pub(crate) const LINES: &str = "text = { lines = { lines = 20 } }";

/// Lines in the place of Tiny Shakespeare.
pub(crate) fn write_lines(lab: &Lab) {
    let data = lab.path().join("datasets/tinyshakespeare");
    fs::create_dir_all(&data).unwrap();
    let lines = (0..400).map(|n| format!("Line {n} of {}.\n\n", n % 7));
    fs::write(data.join("input.txt"), lines.collect::<String>()).unwrap();
}

pub(crate) fn lab(quant: &str) -> Lab {
    let lab = Lab::new();
    lab.xp(&format!("forge qwen2-moe --quant {quant} --out base"))
        .expect(0);
    lab.file("tune.toml", SWEEP);
    lab
}

pub(crate) fn tables(lab: &Lab) -> Collected {
    read_results(&lab.results("tune", "base-cpu")).expect("results")
}

fn trial(lab: &Lab) -> TrialRow {
    tables(lab).trials.swap_remove(0)
}

/// The files that the only trial kept, by name.
fn kept(lab: &Lab) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(kept_folder(lab))
        .expect("a folder")
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("a file"))
        })
        .collect();
    files.sort();
    files
}

fn kept_folder(lab: &Lab) -> PathBuf {
    let trials = lab.path().join(".xp/tune/base-cpu/trials");
    let mut all = fs::read_dir(trials).expect("trials").flatten();
    all.next().expect("a trial").path().join("model")
}

/// The rows without the columns that measure time or memory, or name a process.
fn measured<R: Row>(rows: &[R]) -> Vec<Vec<String>> {
    let is_time = |unit: &str| matches!(unit, "ms" | "s" | "tokens/s");
    let columns = R::SCHEMA.columns.iter();
    let kept: Vec<&str> = columns
        .filter(|column| !is_time(column.unit))
        .map(|column| column.name)
        .collect();
    let row = |row: &R| {
        kept.iter()
            .map(|name| format!("{:?}", row.value(name)))
            .collect()
    };
    rows.iter().map(row).collect()
}

pub(crate) fn perplexity(ran: &Ran) -> f64 {
    ran.json()["perplexity"].as_f64().expect("a number")
}

#[test]
fn a_router_and_deltas_are_learned_and_kept_for_eval() {
    let lab = lab("int4");
    lab.xp("plan tune.toml").expect(0).says(&["EST. MB"]);
    lab.xp("sweep tune.toml --threads 1")
        .expect(0)
        .says(&["1 done"]);
    let (row, steps) = (trial(&lab), tables(&lab).steps);
    assert_eq!(row.base_model.as_deref(), Some("./base"));
    assert_eq!(
        (row.scorer.as_deref(), row.corpus.as_deref()),
        (Some("attention"), Some("tinytales"))
    );
    assert_eq!(
        (row.model.as_deref(), row.experts, row.top_k),
        (Some("qwen2-moe"), Some(8), Some(2))
    );
    // Two layers of 128 x 8 queries and 8 centroids of 8.
    assert_eq!(row.params_router, Some(2 * (128 * 8 + 8 * 8)));
    assert!(row.router_grad_norm_lm.unwrap() > 0.0);
    let first = steps
        .iter()
        .find(|row| row.step == 0)
        .expect("before the first step");
    assert!(first.loss_lm.is_none());
    assert!(
        row.valid_loss.unwrap() < first.valid_loss.unwrap() - 0.1,
        "{row:?}"
    );
    let losses: Vec<f64> = steps.iter().filter_map(|row| row.loss_lm).collect();
    assert_eq!(losses.len(), 10);
    assert!(losses[9] < losses[0], "{losses:?}");

    let files = kept(&lab);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let expected = [
        "adapter_config.json",
        "adapter_model.safetensors",
        "base.json",
        "config.json",
        "routers.json",
        "routers.safetensors",
    ];
    assert_eq!(names, expected);
    lab.file("text.txt", "Once upon a time there was a fox. ".repeat(60));
    let eval = "--text text.txt --sequence 32 --windows 8 --json";
    let adapter = kept_folder(&lab);
    let tuned = lab
        .xp(&format!("eval base --adapter {} {eval}", adapter.display()))
        .expect(0);
    let own = lab
        .xp(&format!("eval {} {eval}", &row.trial_id[..12]))
        .expect(0);
    assert_eq!(perplexity(&tuned), perplexity(&own));
    let plain = lab.xp(&format!("eval base {eval}")).expect(0);
    assert!(perplexity(&tuned) < 0.8 * perplexity(&plain));
    // Numbers of which nothing says what they are do not go unread in silence.
    for (numbers, settings) in [
        ("adapter_model.safetensors", "adapter_config.json"),
        ("routers.safetensors", "routers.json"),
    ] {
        let part = lab.path().join("part");
        fs::create_dir_all(&part).unwrap();
        for (name, bytes) in files.iter().filter(|(name, _)| name != settings) {
            fs::write(part.join(name), bytes).unwrap();
        }
        lab.xp(&format!("eval base --adapter part {eval}"))
            .expect(3)
            .says(&[numbers, settings]);
        fs::remove_dir_all(&part).unwrap();
    }
    // Files of routers are read as carefully as those of adapters.
    let routers = adapter.join("routers.safetensors");
    let whole = fs::read(&routers).unwrap();
    fs::write(&routers, &whole[..whole.len() / 2]).unwrap();
    lab.xp(&format!("eval base --adapter {} {eval}", adapter.display()))
        .expect(2)
        .says(&["routers.safetensors", "is damaged"]);
    fs::write(&routers, whole).unwrap();
    // An adapter is of one model: another of the same sizes is refused.
    let config = lab.path().join("base/config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + "\n").unwrap();
    lab.xp(&format!("eval base --adapter {} {eval}", adapter.display()))
        .expect(2)
        .says(&["is of ./base with digest", "base.json"]);
}

/// The newest checkpoint of the only trial.
fn checkpoint(lab: &Lab) -> Option<PathBuf> {
    let folder = lab.path().join(".xp/tune/base-cpu/checkpoints");
    let trial = fs::read_dir(folder).ok()?.flatten().next()?.path();
    let mut generations: Vec<_> = fs::read_dir(trial).ok()?.flatten().collect();
    generations.sort_by_key(fs::DirEntry::file_name);
    Some(generations.pop()?.path())
}

/// Windows that are drawn, and lines that are gone through in an order of their own each time: four and a half steps
/// of four lines.
#[rstest::rstest]
#[case::windows(WINDOWS)]
#[case::within_an_epoch(LINES)]
fn a_killed_fine_tuning_ends_in_the_same_bits(#[case] data: &str) {
    let lab = || {
        let lab = lab("int4");
        write_lines(&lab);
        lab.file("tune.toml", SWEEP.replace(WINDOWS, data));
        lab
    };
    let whole = lab();
    whole.xp("sweep tune.toml --threads 1").expect(0);

    let lab = lab();
    let runner = lab.start("sweep tune.toml --threads 1");
    let is_late = |path: PathBuf| path >= path.with_file_name("000003");
    let deadline = Instant::now() + Duration::from_mins(2);
    while !checkpoint(&lab).is_some_and(is_late) {
        assert!(
            Instant::now() < deadline,
            "no checkpoint within two minutes"
        );
        thread::sleep(Duration::from_millis(1));
    }
    signal(&runner, "-KILL");
    assert_ne!(Ran::of(runner.wait_with_output().unwrap()).code, 0);
    let model = checkpoint(&lab)
        .expect("one that was committed")
        .join("model.bpk");
    // What is learned, and neither base nor embedding, which alone has 2 MB.
    assert!(fs::metadata(model).expect("a model").len() < 200_000);
    lab.xp("sweep tune.toml --threads 1").expect(0);

    let (one, other) = (tables(&whole), tables(&lab));
    assert_eq!(measured(&one.steps), measured(&other.steps));
    assert_eq!(measured(&one.experts), measured(&other.experts));
    let (one, other) = (kept(&whole), kept(&lab));
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        assert!(one == other, "{} has other bits", one.0);
    }
}

#[test]
fn what_is_frozen_is_said_and_its_gradient_is_zero() {
    let lab = lab("none");
    let sweep =
        "sweep tune.toml --threads 1 --set steps=4 --set train.warmup=0 --set train.log-every=2";
    // The model's own routers, as adapters of PEFT leave them.
    let text = SWEEP.replace("router = {", "# router = {");
    lab.file("tune.toml", &text);
    lab.xp(&format!("trial tune.toml {}", only_id(&lab, "")))
        .expect(0)
        .says(&["the routers are frozen"]);
    lab.xp(sweep).expect(0);
    let folder = set_folder(&lab);
    let row = read_results(&folder).unwrap().trials.swap_remove(0);
    assert_eq!(
        (row.router_grad_norm_lm, row.router_grad_norm_total),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(row.scorer, None);
    // Published: frozen as it came, but for a delta on its queries.
    let queries = SWEEP
        .replace("balancers = [] } }", "balancers = [] }, trained = false }")
        .replace("\"v_proj\"]", "\"v_proj\", \"query_proj\"]");
    lab.file("tune.toml", &queries);
    lab.xp("sweep tune.toml --threads 1 --work other --results other")
        .expect(0);
    let rows = read_results(&lab.path().join("other/tune/base-cpu")).unwrap();
    assert!(rows.trials[0].router_grad_norm_lm.unwrap() > 0.0);
    // Nothing learned at all: the model as it came.
    let nothing = text.replace("adapter = {", "adapter = 'none' # {");
    lab.file("tune.toml", &nothing);
    lab.xp("sweep tune.toml --threads 1 --work none --results none")
        .expect(0);
    let rows = read_results(&lab.path().join("none/tune/base-cpu")).unwrap();
    assert_eq!((rows.trials[0].steps_done, rows.steps.len()), (Some(0), 1));
    assert!(rows.trials[0].perplexity.is_some());
}

/// The id of the only trial.
fn only_id(lab: &Lab, more: &str) -> String {
    let plan = lab
        .xp(&format!("plan tune.toml --json {more}"))
        .expect(0)
        .json();
    plan["trials"][0]["id"].as_str().expect("an id")[..12].to_owned()
}

/// The results of a sweep with settings of the command line.
pub(crate) fn set_folder(lab: &Lab) -> PathBuf {
    let mut folders = fs::read_dir(lab.path().join("results/tune"))
        .expect("results")
        .flatten();
    let is_set = |path: &Path| path.to_string_lossy().contains("-set-");
    let folder = folders.find(|folder| is_set(&folder.path()));
    folder.expect("a folder of --set").path()
}

#[test]
fn what_cannot_be_tuned_is_refused_before_it_starts() {
    let lab = lab("int4");
    for (set, words) in [
        ("sequence=1024", "512 places"),
        ("target-modules=[\"nope\"]", "takes no module of this model"),
        ("target-modules=[\"gate\"]", "takes no module of this model"),
        ("target-modules=[]", "no module is named"),
        ("scorer={attention={qk-dim=0}}", "expected a whole number"),
        ("schedule=line", "schedule"),
        ("rank=99999999", "must be at most"),
        ("base.kept=f8", "kept"),
        (
            "router.init=copy",
            "which is linear, cannot start one that is attention",
        ),
        (
            "target-modules=[\"q_proj\",\"query_proj\"]",
            "is of a router, which is trained whole",
        ),
        (
            "answers={tasks=[\"boolq\"],generate=true,max-tokens=512}",
            "512 places for question and answer",
        ),
        (
            "text=lines --set sequence=1",
            "of which none predicts another",
        ),
        (
            "text=lines --set data.multiple-of=64",
            "multiples of 64 tokens, of texts of 32",
        ),
    ] {
        lab.xp(&format!("plan tune.toml --set {set}"))
            .expect(2)
            .says(&[words]);
    }
    // Of 16 million tokens the logits alone are 800 GB.
    lab.xp("sweep tune.toml --set batch=524287")
        .expect(6)
        .says(&["it would hold", "logits", "train.batch smaller"]);
    assert_eq!(lab.xp("sweep tune.toml --set base=nowhere").code, 3);
}
