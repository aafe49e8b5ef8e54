//! How much memory the machine and its devices have.

use std::{fs, process::Command};

use crate::device::DeviceChoice;

/// Bytes of the memory that a process here may fill: the machine's, or less where a container allows less. `None`
/// where the system does not say.
pub(crate) fn of_host() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let total = text.lines().find_map(|line| {
        let kib = line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?;
        kib.parse::<u64>().ok()
    })?;
    let total = total << 10;
    // "max" where there is no limit.
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").unwrap_or_default();
    Some(
        limit
            .trim()
            .parse()
            .map_or(total, |limit: u64| limit.min(total)),
    )
}

/// Bytes of a device's own memory, or of the host's where it computes there; `None` where nothing says so.
pub(crate) fn of(device: DeviceChoice) -> Option<u64> {
    match device {
        DeviceChoice::Cpu => of_host(),
        DeviceChoice::Cuda(index) => of_card(index),
        DeviceChoice::Wgpu(_) => None,
    }
}

/// Bytes of an NVIDIA card, from its own tool.
fn of_card(index: usize) -> Option<u64> {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=memory.total", "--format=csv,noheader,nounits"])
        .args(["-i", &index.to_string()])
        .output()
        .ok()?;
    let mib: u64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    output.status.success().then_some(mib << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_some() {
        let host = of(DeviceChoice::Cpu).expect("Linux says so");
        assert!(host > 64 << 20, "{host}");
        assert_eq!(of_host(), Some(host));
    }
}
