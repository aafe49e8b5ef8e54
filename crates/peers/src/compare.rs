//! One case at one precision: every program checked, then all timed in turn.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use burn::tensor::Device;
use kernels::{Memcpy, Precision};
use serde_json::json;

use crate::{
    Event, PeersError,
    agreement::{Agreement, compare},
    cases::Ours,
    pool::{Pool, Variant},
    process::{Answer, Peer, processor_seconds},
    rounds::{Contender, Rounds, Samples, play},
    tensors::{self, Tensors},
};

/// A case that is ready on our side.
pub(crate) struct Comparison<'a> {
    pub(crate) ours: Box<dyn Ours>,
    pub(crate) device: &'a Device,
    pub(crate) wish: Precision,
    pub(crate) rounds: Rounds,
    pub(crate) folder: PathBuf,
}

/// What came of a case.
pub(crate) struct Outcome {
    /// Our samples in seconds.
    pub(crate) ours: Vec<f64>,
    /// Samples of a plain copy, for cases that only move.
    pub(crate) memcpy: Option<Vec<f64>>,
    /// Bytes that a sample, and that copy, moves.
    pub(crate) bytes: Option<u64>,
    /// Every program's part.
    pub(crate) peers: Vec<PeerOutcome>,
    pub(crate) started_at: String,
    /// Load averages before and after.
    pub(crate) load: [Option<f64>; 2],
}

/// What came of one program.
pub(crate) struct PeerOutcome {
    pub(crate) variant: Variant,
    /// How well it agrees; `None` where it gave nothing to compare.
    pub(crate) agreement: Option<Agreement>,
    /// Its samples, or its status and the reason.
    pub(crate) samples: Result<Vec<f64>, (&'static str, String)>,
    /// Cores that it used while we were timed.
    pub(crate) idle_cores: Option<f64>,
}

/// The largest difference that passes, relative to a tensor's largest magnitude: orders of summation
/// in f32; in bf16 a few roundings of 2^-9 each.
pub(crate) const fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-4,
        Precision::BF16 => 2e-2,
    }
}

impl Comparison<'_> {
    /// Checks and times. A program that cannot be checked or does not agree is not timed.
    pub(crate) fn run(
        mut self,
        variants: &[Variant],
        pool: &mut Pool,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, PeersError> {
        let started_at = runstore::now();
        let before = load_average();
        std::fs::create_dir_all(&self.folder)
            .map_err(|error| PeersError::file(&self.folder, &error))?;
        self.ours.handout().write(&self.folder)?;
        let expected = self.ours.expected();
        self.sync()?;

        let mut checked: Vec<Checked> = Vec::new();
        for &variant in variants {
            let found = self.check(variant, &expected, pool)?;
            tell(Event::Checked {
                variant: &variant.name(),
                text: found.text(),
            });
            checked.push(found);
        }
        drop(expected);

        let bytes = self.ours.bytes_moved();
        let mut copying = bytes.map(|bytes| Copying {
            memcpy: Memcpy::new(self.device, (bytes / 2) as usize),
            device: self.device,
        });
        let (mut ready, unready): (Vec<Checked>, Vec<Checked>) =
            checked.into_iter().partition(|found| found.peer.is_ok());
        let processes = ready.iter().filter_map(|found| found.peer.as_ref().ok());
        let mut us = Us {
            ours: self.ours,
            device: self.device,
            peers: processes.map(|peer| (peer.id(), 0.0)).collect(),
            passed_s: 0.0,
        };
        let mut contenders: Vec<&mut dyn Contender> = vec![&mut us];
        contenders.extend(
            copying
                .as_mut()
                .map(|copying| copying as &mut dyn Contender),
        );
        for found in &mut ready {
            contenders.extend(
                found
                    .peer
                    .as_mut()
                    .ok()
                    .map(|peer| peer as &mut dyn Contender),
            );
        }
        let mut samples = play(&mut contenders, self.rounds).into_iter();
        let mut own = || {
            samples
                .next()
                .expect("one a contender")
                .map_err(PeersError::Device)
        };
        let ours = own()?;
        let memcpy = bytes.map(|_| own()).transpose()?;
        let mut peers: Vec<PeerOutcome> = Vec::with_capacity(variants.len());
        for ((found, samples), (_, used)) in ready.into_iter().zip(samples).zip(&us.peers) {
            let idle_cores = (us.passed_s > 0.0).then(|| used / us.passed_s);
            peers.push(found.timed(samples, idle_cores, pool));
        }
        peers.extend(unready.into_iter().map(Checked::untimed));
        Ok(Outcome {
            ours,
            memcpy,
            bytes,
            peers,
            started_at,
            load: [before, load_average()],
        })
    }

    fn sync(&self) -> Result<(), PeersError> {
        self.device
            .sync()
            .map_err(|error| PeersError::Device(error.to_string()))
    }

    /// Has a program load the case and compares what it finds.
    fn check(
        &self,
        variant: Variant,
        expected: &Tensors,
        pool: &mut Pool,
    ) -> Result<Checked, PeersError> {
        let mut peer = pool.take(variant)?;
        let outputs = self.folder.join("outputs.safetensors");
        let requests = [
            json!({
                "op": "load",
                "case": absolute(&self.folder.join("case.json"))?,
                "variant": variant.program,
                "compile": variant.compile,
                "precision": self.wish.name(),
            }),
            json!({"op": "check", "outputs": absolute(&outputs)?}),
        ];
        let unready = |status, reason| Checked {
            variant,
            agreement: None,
            peer: Err((status, reason)),
        };
        for request in requests {
            match peer.ask(&request) {
                Ok(Answer::Good(_)) => {}
                Ok(Answer::Unavailable(reason)) => {
                    pool.put_back(variant, peer);
                    return Ok(unready("unavailable", reason));
                }
                Ok(Answer::Failed(reason)) => {
                    pool.put_back(variant, peer);
                    return Ok(unready("failed", reason));
                }
                // Its process is gone; the next case gets a new one.
                Err(error) => return Ok(unready("failed", error.to_string())),
            }
        }
        let theirs = tensors::read(&outputs)?;
        let allowed = tolerance(self.wish);
        let (agreement, problem) = match compare(expected, &theirs) {
            Ok(found) if found.worst <= allowed => (Some(found), None),
            Ok(found) => {
                let text = format!(
                    "{} differs by {:.1e} of its largest number, {allowed:.0e} is allowed",
                    found.tensor, found.worst
                );
                (Some(found), Some(text))
            }
            Err(problem) => (None, Some(problem)),
        };
        let peer = match problem {
            None => Ok(peer),
            Some(reason) => {
                pool.put_back(variant, peer);
                Err(("disagrees", reason))
            }
        };
        Ok(Checked {
            variant,
            agreement,
            peer,
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, PeersError> {
    std::path::absolute(path).map_err(|error| PeersError::file(path, &error))
}

/// A program after its check: a peer that can be timed, or a status and a reason.
struct Checked {
    variant: Variant,
    agreement: Option<Agreement>,
    peer: Result<Peer, (&'static str, String)>,
}

impl Checked {
    fn text(&self) -> String {
        match (&self.peer, &self.agreement) {
            (Err((status, reason)), _) => format!("{status}: {reason}"),
            (Ok(_), Some(found)) => {
                format!("agrees within {:.1e} ({})", found.worst, found.tensor)
            }
            (Ok(_), None) => "agrees".to_owned(),
        }
    }

    fn untimed(self) -> PeerOutcome {
        PeerOutcome {
            variant: self.variant,
            agreement: self.agreement,
            samples: Err(self.peer.err().expect("who is ready is timed")),
            idle_cores: None,
        }
    }

    /// After the rounds: the peer goes back unless it broke down.
    fn timed(self, samples: Samples, idle_cores: Option<f64>, pool: &mut Pool) -> PeerOutcome {
        if let (Ok(_), Ok(mut peer)) = (&samples, self.peer)
            && peer.ask(&json!({"op": "unload"})).is_ok()
        {
            pool.put_back(self.variant, peer);
        }
        PeerOutcome {
            variant: self.variant,
            agreement: self.agreement,
            samples: samples.map_err(|reason| ("failed", reason)),
            idle_cores,
        }
    }
}

/// Our side.
struct Us<'a> {
    ours: Box<dyn Ours>,
    device: &'a Device,
    /// The processes of the peers, and the processor time each used while we were timed.
    peers: Vec<(u32, f64)>,
    /// How long we were timed.
    passed_s: f64,
}

impl Contender for Us<'_> {
    fn sample(&mut self) -> Result<f64, String> {
        let used = |peers: &[(u32, f64)]| -> Vec<Option<f64>> {
            peers.iter().map(|(id, _)| processor_seconds(*id)).collect()
        };
        let before = used(&self.peers);
        let seconds = timed(self.device, || self.ours.work())?;
        let after = used(&self.peers);
        for (peer, spent) in self.peers.iter_mut().zip(before.into_iter().zip(after)) {
            if let (Some(before), Some(after)) = spent {
                peer.1 += after - before;
            }
        }
        self.passed_s += seconds;
        Ok(seconds)
    }
}

/// The plain copy.
struct Copying<'a> {
    memcpy: Memcpy,
    device: &'a Device,
}

impl Contender for Copying<'_> {
    fn sample(&mut self) -> Result<f64, String> {
        timed(self.device, || self.memcpy.run())
    }
}

impl Contender for Peer {
    fn sample(&mut self) -> Result<f64, String> {
        match self.ask(&json!({"op": "time"})) {
            Ok(Answer::Good(answer)) => answer["seconds"]
                .as_f64()
                .filter(|seconds| *seconds > 0.0)
                .ok_or_else(|| format!("answered no seconds: {answer}")),
            Ok(Answer::Unavailable(reason) | Answer::Failed(reason)) => Err(reason),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Seconds of some work between two waits for the device; what it leaves is dropped before the
/// second, as Python drops it.
pub(crate) fn timed<T>(device: &Device, work: impl FnOnce() -> T) -> Result<f64, String> {
    let wait = || device.sync().map_err(|error| error.to_string());
    wait()?;
    let start = Instant::now();
    drop(work());
    wait()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Processes that want to run on this machine, the mean of the last minute; none where the system does not say.
pub fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next()?.parse().ok()
}
