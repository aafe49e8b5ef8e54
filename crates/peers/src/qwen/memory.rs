//! What is read and held.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use burn::tensor::Device;
use kernels::Reading;

use super::ours::{middle, timed};

/// Bytes that are read to learn how fast memory is, and how often.
const READ: usize = 1 << 30;
const READS: usize = 5;

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

/// Bytes a second of a read in order, the middle of some.
pub(super) fn read_bandwidth(device: &Device) -> f64 {
    let reading = Reading::new(device, READ);
    let bytes = reading.bytes() as f64;
    let times = (0..READS).map(|_| timed(|| reading.run()).1);
    bytes / middle(times.collect())
}

/// A line of what the kernel says of this process, in bytes.
pub(super) fn status(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}
