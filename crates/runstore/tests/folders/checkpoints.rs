//! Checkpoints: which counts, what a damaged one means, and the clock that goes on in the next process.

use std::fs;
use std::path::Path;

use crate::records::{claim, id, open, record};
use runstore::{FailureRecord, Store, TrialState};

#[test]
fn only_complete_checkpoints_count() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let running = claim(&store, 1);
    let slot = running.checkpoints().unwrap();
    let first = slot.begin().unwrap();
    fs::write(first.dir().join("weights"), "step 100").unwrap();
    assert_eq!(slot.latest().unwrap(), None);
    first.commit(100).unwrap();
    let second = slot.begin().unwrap();
    fs::write(second.dir().join("weights"), "step 200").unwrap();
    let kept = slot.latest().unwrap().unwrap();
    assert_eq!(
        (
            kept.step,
            fs::read_to_string(kept.dir.join("weights"))
                .unwrap()
                .as_str()
        ),
        (100, "step 100")
    );
    second.commit(200).unwrap();
    let kept = slot.latest().unwrap().unwrap();
    assert_eq!(
        (
            kept.step,
            fs::read_to_string(kept.dir.join("weights"))
                .unwrap()
                .as_str()
        ),
        (200, "step 200")
    );
    // One that never got its marker, as no rename of ours makes it, is passed over.
    fs::create_dir(
        store
            .root()
            .join("checkpoints")
            .join(id(1).full())
            .join("000009"),
    )
    .unwrap();
    assert_eq!(
        slot.latest().unwrap().map(|checkpoint| checkpoint.step),
        Some(200)
    );
    // The same step again, as after an interruption right after resuming.
    slot.begin().unwrap().commit(200).unwrap();
    running.interrupt().unwrap();
    assert_eq!(
        store.state(&id(1)).unwrap(),
        TrialState::Interrupted { step: 200 }
    );
    claim(&store, 1).publish(record(1)).unwrap();
    assert_eq!(store.checkpoint(&id(1)).unwrap(), None);
}

#[test]
fn an_abandoned_or_discarded_checkpoint_is_gone() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let running = claim(&store, 1);
    let slot = running.checkpoints().unwrap();
    drop(slot.begin().unwrap());
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
    slot.begin().unwrap().commit(5).unwrap();
    slot.discard().unwrap();
    assert_eq!(slot.latest().unwrap(), None);
}

#[test]
fn an_interruption_after_a_failure_shows_as_interrupted() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    let running = claim(&store, 1);
    running
        .checkpoints()
        .unwrap()
        .begin()
        .unwrap()
        .commit(7)
        .unwrap();
    running
        .fail(FailureRecord {
            error: "disk full".into(),
            ..FailureRecord::default()
        })
        .unwrap();
    assert_eq!(store.state(&id(1)).unwrap().name(), "failed");
    claim(&store, 1).interrupt().unwrap();
    assert_eq!(
        store.state(&id(1)).unwrap(),
        TrialState::Interrupted { step: 7 }
    );
}

/// A trial that was stopped with a checkpoint of two files.
fn stopped(store: &Store) {
    let running = claim(store, 1);
    let pending = running.checkpoints().unwrap().begin().unwrap();
    fs::write(pending.dir().join("model.bpk"), [0; 256]).unwrap();
    fs::create_dir(pending.dir().join("inner")).unwrap();
    fs::write(pending.dir().join("inner/rows.json"), "[1]").unwrap();
    pending.commit(7).unwrap();
    running.interrupt().unwrap();
}

#[test]
fn a_damaged_checkpoint_is_removed_and_named() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 6] = [
        ("model.bpk", |dir| {
            let mut bytes = vec![0; 256];
            bytes[100] ^= 1;
            fs::write(dir.join("model.bpk"), bytes).unwrap();
        }),
        ("model.bpk", |dir| {
            fs::write(dir.join("model.bpk"), [0; 128]).unwrap();
        }),
        ("model.bpk", |dir| {
            fs::remove_file(dir.join("model.bpk")).unwrap();
        }),
        ("inner/rows.json", |dir| {
            fs::write(dir.join("inner/rows.json"), "[2]").unwrap();
        }),
        ("more", |dir| fs::write(dir.join("more"), "?").unwrap()),
        ("checkpoint.json", |dir| {
            fs::write(dir.join("checkpoint.json"), "{}").unwrap();
        }),
    ];
    for (file, damage) in damages {
        let work = tempfile::tempdir().unwrap();
        let store = open(work.path());
        stopped(&store);
        damage(
            &store
                .root()
                .join("checkpoints")
                .join(id(1).full())
                .join("000001"),
        );
        let running = claim(&store, 1);
        let slot = running.checkpoints().unwrap();
        let said = slot.damage().unwrap_or_default();
        assert!(said.contains(file), "{file}: {said}");
        assert_eq!(slot.latest().unwrap(), None, "{file}");
        assert!(slot.wall_s() < 60.0);
    }
}

#[test]
fn the_clock_of_a_trial_goes_on_in_its_next_process() {
    let work = tempfile::tempdir().unwrap();
    let store = open(work.path());
    stopped(&store);
    let path = store
        .root()
        .join("checkpoints")
        .join(id(1).full())
        .join("000001/checkpoint.json");
    let mut marker: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    marker["wall_s"] = 100.0.into();
    marker["started_at"] = "2025-01-01T00:00:00Z".into();
    fs::write(&path, marker.to_string()).unwrap();
    let running = claim(&store, 1);
    let slot = running.checkpoints().unwrap();
    assert_eq!(
        (slot.damage(), slot.started_at()),
        (None, "2025-01-01T00:00:00Z")
    );
    assert!((100.0..160.0).contains(&slot.wall_s()), "{}", slot.wall_s());
    let next = slot.begin().unwrap().commit(9).unwrap();
    let marker = fs::read_to_string(next.dir.join("checkpoint.json")).unwrap();
    assert!(marker.contains("2025-01-01T00:00:00Z"), "{marker}");
}
