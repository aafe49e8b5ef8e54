//! The same trial on the processor and on a GPU, which may be one in software.

use crate::fixture::{Lab, Ran};

/// Twenty steps without dropout, whose random numbers are the device's own. One strategy chooses
/// experts for tokens, the other tokens for experts.
const TWINS: &str = "name = 'twins'\nquestion = 'q'\njob = 'train'\nseeds = [1]\n\
    [data]\ncorpus = { tinytales = { stories = 50 } }\n\
    [model.tiny-moe]\nlayers = 1\ndim = 32\nheads = 2\ndropout = 0.0\n[moe]\nexperts = 4\n\
    [train]\nsteps = 20\nbatch = 4\nsequence = 32\nwarmup = 2\nlearning-rate = 1e-3\n\
    log-every = 1\neval-every = 20\neval-windows = 4\n\
    [axes]\nstrategy = ['soft-top-k', 'expert-choice']\n";

/// How far two losses of the same step may be apart, in nats per token, on a loss near 4. Parameters,
/// data and noise are the same; sums are taken in another order, one or two units in the last place
/// (2^-22 = 2e-7 at 4), which each update carries on. CUDA multiplies f32 matrices on tensor cores,
/// which round the factors to 10 bits (2^-11 = 5e-4).
fn tolerance(device: &str) -> f64 {
    if device.starts_with("cuda") {
        2e-2
    } else {
        1e-5
    }
}

/// The devices that this build could have, or the one that the environment asks for.
fn candidates() -> Vec<String> {
    let compiled = [
        ("cuda", cfg!(feature = "cuda")),
        ("wgpu", cfg!(feature = "wgpu")),
    ];
    let wish = std::env::var("SWITCHYARD_GPU").unwrap_or_default();
    compiled
        .into_iter()
        .filter(|&(name, compiled)| compiled && (wish.is_empty() || wish == name))
        .map(|(name, _)| format!("{name}:0"))
        .collect()
}

/// Losses by step, the validation loss last.
fn losses(ran: &Ran) -> Vec<f64> {
    let events = ran.stdout.lines().filter_map(|line| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        match event["event"].as_str()? {
            "progress" => event["loss"].as_f64(),
            "evaluated" => event["valid_loss"].as_f64(),
            _ => None,
        }
    });
    events.collect()
}

#[test]
fn a_trial_gives_the_same_losses_on_a_gpu() {
    let lab = Lab::new();
    let file = lab.file("twins.toml", TWINS);
    let plan = lab.xp(&format!("plan {file} --json")).expect(0).json();
    let ids: Vec<&str> = plan["trials"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|trial| trial["id"].as_str())
        .collect();
    assert_eq!(ids.len(), 2);
    for id in ids {
        let run = |device: &str| lab.xp(&format!("trial {file} {id} --json --device {device}"));
        // 3: no such device here.
        let Some((device, there)) = candidates()
            .into_iter()
            .map(|device| (device.clone(), run(&device)))
            .find(|(_, ran)| ran.code != 3)
        else {
            let wish = std::env::var("SWITCHYARD_GPU").unwrap_or_default();
            assert!(
                wish.is_empty(),
                "SWITCHYARD_GPU asks for {wish}, which is not there"
            );
            testkit::report_without_gpu("a trial gives the same losses on a GPU");
            return;
        };
        let (here, there) = (losses(&run("cpu").expect(0)), losses(&there.expect(0)));
        assert_eq!((here.len(), there.len()), (21, 21));
        for (step, (here, there)) in here.iter().zip(&there).enumerate() {
            assert!(
                (here - there).abs() <= tolerance(&device),
                "step {}: {here} on the processor, {there} on {device}",
                step + 1
            );
        }
    }
}
