//! How much of the machine's memory the cells may fill.

/// Where the machine does not say how much memory it has.
const USUAL: u64 = 8 << 30;

/// A third of the memory, in bytes: the steps themselves need some too.
pub(super) fn room() -> u64 {
    crate::memory::of_host().unwrap_or(USUAL) / 3
}

#[cfg(test)]
mod tests {
    use crate::jobs::{Job as _, LayerSettings, PackSettings, TrainSettings};

    #[test]
    fn a_cell_needs_its_parameters_or_its_assignments() {
        // By default E = 8, D = 256, F = 1024: 8 (2 * 256 * 1024 + 1024 + 256) + 256 * 8 in f32.
        let layer = LayerSettings::default();
        let params = layer.sizes(None).unwrap().params_total as u64;
        assert_eq!(layer.kept_bytes(None), 4 * params);
        // T = 4096, k = 2: 8 bytes an assignment.
        assert_eq!(PackSettings::default().kept_bytes(None), 65_536);
        let train = TrainSettings::default();
        let params = train.sizes(Some(81)).unwrap().params_total as u64;
        assert_eq!(train.kept_bytes(Some(81)), 16 * params);
    }
}
