//! How much of the machine's memory the cells may fill.

use crate::jobs::{self, JobSettings};

/// Where the machine does not say how much memory it has.
const USUAL: u64 = 8 << 30;

/// Numbers that are kept for each parameter in training: itself, its gradient, and two moments.
const IN_TRAINING: u64 = 4;

/// A third of the memory, in bytes: the steps themselves need some too.
pub(super) fn room() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| {
        let kib = line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?;
        kib.parse::<u64>().ok()
    });
    total.map_or(USUAL, |kib| kib << 10) / 3
}

/// What a cell keeps between its steps, in bytes. Inputs that cells share are left out.
pub(super) fn need(settings: &JobSettings, vocab: Option<usize>) -> u64 {
    let number = size_of::<f32>() as u64;
    let params = jobs::sizes(settings, vocab).map_or(0, |sizes| sizes.params_total as u64);
    match settings {
        JobSettings::Train(_) => params * IN_TRAINING * number,
        // Choice and gate of each assignment.
        JobSettings::Pack(settings) => {
            2 * number * (settings.pack.tokens.get() * settings.moe.k.get()) as u64
        }
        JobSettings::Layer(_) | JobSettings::Router(_) | JobSettings::Speed(_) => params * number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::{JobKind, LayerSettings, PackSettings};

    #[test]
    fn a_cell_needs_its_parameters_or_its_assignments() {
        // By default E = 8, D = 256, F = 1024: 8 (2 * 256 * 1024 + 1024 + 256) + 256 * 8 in f32.
        let layer = JobSettings::Layer(LayerSettings::default());
        let params = jobs::sizes(&layer, None).unwrap().params_total as u64;
        assert_eq!(need(&layer, None), 4 * params);
        // T = 4096, k = 2: 8 bytes an assignment.
        let pack = JobSettings::Pack(PackSettings::default());
        assert_eq!(need(&pack, None), 65_536);
        let train = JobSettings::defaults(JobKind::Train).unwrap();
        let params = jobs::sizes(&train, Some(81)).unwrap().params_total as u64;
        assert_eq!(need(&train, Some(81)), 16 * params);
    }
}
