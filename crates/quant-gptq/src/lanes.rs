//! Outputs that are rounded together.

use crate::{levels::Range, plan::Plan};

/// Outputs that are worked on together: they depend on nothing of each other, and these fit into registers.
pub(crate) const LANES: usize = 32;

/// A few outputs of a map, with the inputs in the order in which they are rounded.
pub(crate) struct Lanes {
    /// Weights `[K, LANES]`; zeros where there are fewer outputs.
    weight: Vec<[f32; LANES]>,
    /// Those of the block that is being rounded, moved by its own inputs.
    block: Vec<[f32; LANES]>,
    /// Errors of the block's inputs.
    errors: Vec<[f32; LANES]>,
    pub(crate) levels: Vec<[u8; LANES]>,
    /// Ranges by group.
    pub(crate) ranges: Vec<[Range; LANES]>,
    /// That of the group at hand.
    range: [Range; LANES],
}

impl Lanes {
    pub(crate) fn new(plan: &Plan, weight: &[f32], first: usize) -> Self {
        let count = LANES.min(plan.outputs - first);
        let row = |&input: &usize| {
            let mut row = [0.0; LANES];
            let from = input * plan.outputs + first;
            row[..count].copy_from_slice(&weight[from..from + count]);
            row
        };
        Self {
            weight: plan.order.iter().map(row).collect(),
            block: Vec::new(),
            errors: Vec::new(),
            levels: vec![[0; LANES]; plan.inputs],
            ranges: vec![[Range::default(); LANES]; plan.groups()],
            range: [Range::default(); LANES],
        }
    }

    pub(crate) fn row_mut(&mut self, place: usize) -> &mut [f32; LANES] {
        &mut self.weight[place]
    }

    /// The ranges of the group that begins at a place.
    pub(crate) fn find_ranges(&mut self, plan: &Plan, place: usize) {
        let end = (place + plan.group).min(plan.inputs);
        let rows = &self.weight[place..end];
        self.range =
            std::array::from_fn(|lane| Range::of(rows.iter().map(|row| row[lane]), plan.symmetric));
        self.ranges[place / plan.group] = self.range;
    }

    /// The ranges of all groups of neighbouring inputs.
    pub(crate) fn find_all_ranges(&mut self, plan: &Plan) {
        let mut places = vec![0; plan.inputs];
        for (place, &input) in plan.order.iter().enumerate() {
            places[input] = place;
        }
        for (group, members) in places.chunks(plan.group).enumerate() {
            self.ranges[group] = std::array::from_fn(|lane| {
                let weights = members.iter().map(|&place| self.weight[place][lane]);
                Range::of(weights, plan.symmetric)
            });
        }
    }

    pub(crate) fn take_range(&mut self, group: usize) {
        self.range = self.ranges[group];
    }

    /// Rounds the weights at a place as they stand.
    pub(crate) fn round(&mut self, place: usize) {
        let row = self.weight[place];
        self.levels[place] = std::array::from_fn(|lane| self.range[lane].level(row[lane]));
    }

    pub(crate) fn begin_block(&mut self, start: usize, end: usize) {
        self.block = self.weight[start..end].to_vec();
        self.errors = vec![[0.0; LANES]; end - start];
    }

    /// Rounds the weights at a place of the block, and moves the rest of the block.
    pub(crate) fn settle(&mut self, place: usize, start: usize, end: usize, factor: &[f32]) {
        let inputs = self.weight.len();
        let own = self.block[place - start];
        let diagonal = factor[place * inputs + place];
        let mut levels = [0; LANES];
        let mut errors = [0.0; LANES];
        for lane in 0..LANES {
            levels[lane] = self.range[lane].level(own[lane]);
            errors[lane] = (own[lane] - self.range[lane].value(levels[lane])) / diagonal;
        }
        for later in place + 1..end {
            let weight = factor[later * inputs + place];
            let row = &mut self.block[later - start];
            for lane in 0..LANES {
                row[lane] -= weight * errors[lane];
            }
        }
        self.levels[place] = levels;
        self.errors[place - start] = errors;
    }

    /// Moves everything behind the block.
    pub(crate) fn end_block(&mut self, start: usize, end: usize, factor: &[f32]) {
        let inputs = self.weight.len();
        for (later, row) in self.weight.iter_mut().enumerate().skip(end) {
            let weights = &factor[later * inputs + start..later * inputs + end];
            let mut moved = *row;
            for (weight, errors) in weights.iter().zip(&self.errors) {
                for lane in 0..LANES {
                    moved[lane] -= weight * errors[lane];
                }
            }
            *row = moved;
        }
    }
}
