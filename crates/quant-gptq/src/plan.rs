//! In which order inputs are rounded.

use crate::GptqConfig;

/// In which order inputs are rounded, and how they are grouped.
pub(crate) struct Plan {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    /// The inputs in the order in which they are rounded.
    pub(crate) order: Vec<usize>,
    pub(crate) group: usize,
    pub(crate) symmetric: bool,
    pub(crate) static_groups: bool,
}

impl Plan {
    pub(crate) fn new(
        (inputs, outputs): (usize, usize),
        order: Vec<usize>,
        config: &GptqConfig,
    ) -> Self {
        Self {
            inputs,
            outputs,
            order,
            group: config.group_size.get(),
            symmetric: config.symmetric,
            static_groups: config.static_groups,
        }
    }

    pub(crate) const fn groups(&self) -> usize {
        self.inputs.div_ceil(self.group)
    }
}
