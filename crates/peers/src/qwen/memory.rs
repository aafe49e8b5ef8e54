//! What is read and held.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use burn::tensor::Device;
use kernels::Reading;
use serde::Serialize;

use super::ours::{Reading as Writing, middle, timed};
use crate::rounds::{Contender, Rounds, play};

/// Bytes that are read to learn how fast memory is.
const READ: usize = 1 << 30;

/// A token that is written beside a read of as many bytes, in turn: what memory allows, and what is reached of it.
#[derive(Debug, Clone, Serialize)]
pub struct Floor {
    /// Bytes a second that memory gives when it is read in order, the middle of all rounds.
    pub read_bandwidth: f64,
    /// Milliseconds that a token's bytes take at that rate.
    pub least_ms: f64,
    /// Milliseconds of a written token of one text, the middle of all rounds.
    pub step_ms: f64,
    /// The first over the second.
    pub share: f64,
}

/// Reads the weights' files from one end to the other: their bytes.
pub(super) fn read_through(folder: &Path) -> io::Result<u64> {
    let mut piece = vec![0; 1 << 20];
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "safetensors") {
            continue;
        }
        let mut file = File::open(path)?;
        loop {
            match file.read(&mut piece)? {
                0 => break,
                some => bytes += some as u64,
            }
        }
    }
    Ok(bytes)
}

/// Reads memory in order.
struct InOrder(Reading);

impl Contender for InOrder {
    fn sample(&mut self) -> Result<f64, String> {
        Ok(timed(|| self.0.run()).1)
    }
}

/// Lets a text that is written and a read of memory take turns.
pub(super) fn floor(
    device: &Device,
    mut writing: Writing<'_>,
    bytes_per_token: u64,
    rounds: Rounds,
) -> Floor {
    let mut reading = InOrder(Reading::new(device, READ));
    let bytes = reading.0.bytes() as f64;
    let samples = play(&mut [&mut writing, &mut reading], rounds);
    let [step_s, read_s] = [0, 1].map(|side| {
        let taken = samples[side].clone();
        middle(taken.expect("neither side can fail"))
    });
    let read_bandwidth = bytes / read_s;
    let least_s = bytes_per_token as f64 / read_bandwidth;
    Floor {
        read_bandwidth,
        least_ms: 1e3 * least_s,
        step_ms: 1e3 * step_s,
        share: least_s / step_s,
    }
}

/// A line of what the kernel says of this process, in bytes.
pub(super) fn status(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}
