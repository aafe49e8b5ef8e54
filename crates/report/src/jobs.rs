//! The jobs that some figure or table is of alone, by their names in the column `job`.

/// Training of a model.
pub const TRAIN: &str = "train";
/// Fine-tuning of a pretrained model.
pub const FINETUNE: &str = "finetune";
/// Rounding of a model to four bits.
pub const QUANTISE: &str = "quantise";
/// Packing of tokens into the buffers of experts.
pub const PACK: &str = "pack";
/// One layer, forward and backward.
pub const LAYER: &str = "layer";
/// One router by itself.
pub const ROUTER: &str = "router";
/// The cells of a sweep timed in turn: it is none of them.
pub const SPEED: &str = "speed";

/// Whether trials of the job of that name are cells of a sweep, and not done beside them.
pub fn is_of_cells(job: &str) -> bool {
    job != SPEED
}
