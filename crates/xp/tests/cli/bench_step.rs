//! `xp bench step`: a training step's time, and where it goes.

use runstore::tables::ProfileRow;

use crate::fixture::Lab;

const LINE: &str = "bench step --scale smoke --steps 2 --warmup 1 --threads 1";

#[test]
fn a_profile_has_every_phase_and_its_parts_add_up() {
    let lab = Lab::new();
    let ran = lab.xp(&format!("{LINE} --profile")).expect(0);
    ran.says(&["GFLOP/s", "attention, backward", "rest of backward"]);
    let folder = lab.results("profile", "smoke-cpu");
    let rows: Vec<ProfileRow> = runstore::read_benchmark(&folder).expect("a table");
    for precision in ["f32", "bf16"] {
        let own: Vec<&ProfileRow> = rows
            .iter()
            .filter(|row| row.precision == precision)
            .collect();
        let at = |path: &str| own.iter().find(|row| row.path == path);
        for path in [
            "step/forward/embed",
            "step/forward/layer/route/top-k",
            "step/forward/layer/experts/grouped linear",
            "step/forward/head",
            "step/backward/attention, backward",
            "step/norms",
            "step/update/adamw",
        ] {
            assert!(at(path).is_some(), "{precision}: {path}");
        }
        let step = own[0];
        let sum: f64 = own.iter().filter_map(|row| row.own_ms).sum();
        assert!((sum - step.ms.expect("listened to")).abs() < 1e-6);
        // Two layers of an update of 16 parameters each would be no update: as many as the model has arrays.
        assert!(at("step/update/adamw").is_some_and(|row| row.calls > Some(20.0)));
        // The head multiplies 64 tokens by 32 to 31 numbers.
        let head = own
            .iter()
            .find(|row| row.path.starts_with("step/forward/head/product"));
        assert_eq!(
            head.and_then(|row| row.flops),
            Some(2.0 * 64.0 * 32.0 * 31.0)
        );
        assert!(folder.join(format!("step_{precision}.svg")).exists());
    }
    let text = std::fs::read_to_string(folder.join("profile.md")).expect("a text");
    assert!(
        text.contains("## bf16") && text.contains("| step | 1 |"),
        "{text}"
    );

    // Of one precision anew: the other stays. Figures of trials are none.
    lab.xp(&format!("{LINE} --profile --precision f32 f32"))
        .expect(0);
    let again: Vec<ProfileRow> = runstore::read_benchmark(&folder).expect("a table");
    assert!(again.iter().any(|row| row.precision == "bf16"));
    lab.xp("figures results/profile/smoke-cpu")
        .expect(0)
        .says(&["no figures of trials"]);
}

#[test]
fn without_it_a_step_is_timed_and_nothing_is_written() {
    let lab = Lab::new();
    let ran = lab.xp(&format!("{LINE} --precision f32")).expect(0);
    ran.says(&["A step of 64 tokens in f32 takes"]);
    assert!(!lab.results("profile", "smoke-cpu").exists());
    lab.xp("bench step --scale large")
        .expect(2)
        .says(&["smoke, sweep, cpu or paper"]);
}
