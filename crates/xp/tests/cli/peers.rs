//! `xp bench peers`: against a fake peer that needs no PyTorch, and against PyTorch where there is one.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::fixture::{Lab, Ran};

/// A case that the fake can do.
const CASE: &str = "rows/compact/forward/t256";

fn fake() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/fake_peer")
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/peers")
}

/// `xp bench peers` at the smoke scale with one sample; `mode` is how the fake misbehaves.
fn bench(lab: &Lab, programs: &Path, mode: &str, rest: &str) -> Ran {
    let line = "bench peers --scale smoke --samples 2 --warmup 1 --pause 0";
    let output = lab
        .command(line.split(' '))
        .arg("--programs")
        .arg(programs)
        .args(rest.split_whitespace())
        .env("FAKE_PEER", mode)
        .output()
        .expect("xp starts");
    Ran::of(output)
}

fn table(lab: &Lab) -> Vec<runstore::tables::PeerRow> {
    runstore::read_benchmark(&lab.results("peers", "smoke-cpu")).expect("a table")
}

#[test]
fn a_peer_that_agrees_is_timed_in_turn_with_us() {
    let lab = Lab::new();
    let ran = bench(
        &lab,
        &fake(),
        "",
        &format!("--python python3 --only {CASE} --variant gather"),
    );
    ran.expect(0)
        .says(&["PyTorch 0.fake", "gather: agrees within", "peers.parquet"]);
    let rows = table(&lab);
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (row.status.as_str(), row.samples, row.tokens),
        ("timed", 2, 256)
    );
    assert_eq!(row.theirs_ms, Some(500.0));
    let ours = row.ours_ms.expect("we were timed");
    assert_eq!(row.ratio, Some(500.0 / ours));
    assert!(row.worst_difference.expect("it was compared") <= 1e-6);
    // Every kept row is read twice and written once, every token written once: at most 512 rows.
    let most = (3 * 512 + 256) * 32 * 4 + 3 * 512 * 4;
    let bytes = row.bytes_moved.expect("rows are moved");
    assert!(bytes > most / 2 && bytes <= most, "{bytes}");
    assert!(row.memcpy_gb_per_s.is_some() && row.ours_memcpy_share.is_some());
    let text = std::fs::read_to_string(lab.results("peers", "smoke-cpu").join("peers.md"));
    assert!(text.expect("a text").contains("| gather |"));
}

#[test]
fn each_program_fails_alone_and_rows_from_before_are_kept() {
    let lab = Lab::new();
    bench(
        &lab,
        &fake(),
        "",
        &format!("--python python3 --only {CASE}"),
    )
    .expect(6);
    let found = |rows: Vec<runstore::tables::PeerRow>| -> Vec<(String, String, String)> {
        let facts = |row: runstore::tables::PeerRow| {
            (row.variant, row.status, row.reason.unwrap_or_default())
        };
        rows.into_iter().map(facts).collect()
    };
    let rows = found(table(&lab));
    let status: Vec<(&str, &str)> = rows.iter().map(|row| (&*row.0, &*row.1)).collect();
    assert_eq!(
        status,
        [
            ("gather", "timed"),
            ("gather+compile", "unavailable"),
            ("index", "disagrees"),
            ("index+compile", "failed"),
        ]
    );
    assert!(rows[1].2.contains("compiles nothing"), "{rows:?}");
    assert!(rows[2].2.contains("y differs by"), "{rows:?}");
    assert!(rows[3].2.contains("ended at \"load\""), "{rows:?}");

    let again = format!("--python python3 --only {CASE} --variant gather+compile --json");
    let ran = bench(&lab, &fake(), "", &again).expect(0);
    assert_eq!(ran.json()[0]["status"], "unavailable");
    assert_eq!(found(table(&lab)).len(), 4);
}

#[test]
fn who_gives_no_answer_is_not_waited_for_for_ever() {
    let lab = Lab::new();
    let line = format!("--python python3 --only {CASE} --variant gather --patience 1");
    bench(&lab, &fake(), "slow", &line)
        .expect(6)
        .says(&["gave no answer to \"check\" within 1 s"]);
}

#[test]
fn what_is_missing_is_named_with_its_remedy() {
    let lab = Lab::new();
    bench(&lab, &fake(), "bare", "--python python3")
        .expect(3)
        .says(&[
            "no package `torch`",
            "pip install torch numpy safetensors",
            "--python",
        ]);
    bench(&lab, &fake(), "", "--python no-such-python")
        .expect(3)
        .says(&["`no-such-python` does not start", "SWITCHYARD_PYTHON"]);
    bench(&lab, Path::new("nowhere"), "", "--python python3")
        .expect(3)
        .says(&["peer.py is not there", "--programs"]);
}

#[test]
fn what_does_not_exist_cannot_be_asked_for() {
    let lab = Lab::new();
    bench(&lab, &fake(), "", "--python python3 --only attention")
        .expect(4)
        .says(&["`attention`", "step, layer, ffn"]);
    bench(&lab, &fake(), "", "--python python3 --variant triton")
        .expect(4)
        .says(&["`triton`", "bmm+compile"]);
    lab.xp("bench peers --scale large")
        .expect(2)
        .says(&["expected smoke, sweep, cpu or paper"]);
    bench(&lab, &fake(), "", "--device gpu")
        .expect(2)
        .says(&["unknown device `gpu`"]);
}

/// Needs PyTorch, which no other test does: `SWITCHYARD_PYTHON` names an interpreter that has it.
#[test]
#[expect(clippy::print_stdout, reason = "says that this test compared nothing")]
fn pytorch_agrees_where_there_is_one() {
    let Some(python) = std::env::var_os("SWITCHYARD_PYTHON") else {
        println!("note: PyTorch is not compared: SWITCHYARD_PYTHON is not set");
        return;
    };
    let check = Command::new(&python)
        .arg(programs().join("check.py"))
        .output()
        .expect("the interpreter starts");
    Ran::of(check).expect(0);
    let lab = Lab::new();
    let line = "--variant loop bmm grouped dense index gather";
    bench(&lab, &programs(), "", line).expect(0);
    let rows = table(&lab);
    // Two precisions of step and layer with three programs and of ffn with one; eight ways to move
    // rows with two.
    assert_eq!(rows.len(), 2 * (3 + 3 + 1) + 8 * 2);
    let compared = rows.iter().filter(|row| row.status == "timed").count();
    assert!(compared >= 2 * (2 + 2 + 1) + 8 * 2, "{rows:?}");
}
