//! The sums of the current logging interval, kept on the device.

use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Observation, TrainError};

/// What was added up since the last logged row.
///
/// Each step leaves one small tensor, `[lm, aux.., gradient norm, router gradient norm]`; they are
/// read together when the row is due. Rows that come from a checkpoint are numbers of the host.
#[derive(Debug)]
pub(crate) struct Interval<O> {
    names: Vec<&'static str>,
    read: Vec<Vec<f32>>,
    pending: Vec<Tensor<1>>,
    observation: Option<O>,
    observations: u64,
}

/// An interval in a checkpoint. Losses are bit patterns, since JSON has no word for NaN.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedInterval {
    rows: Vec<Vec<u32>>,
    observation: Option<Vec<TensorData>>,
    observations: u64,
}

/// Means over an interval; the routers' norm is that of its last step.
#[derive(Debug)]
pub(crate) struct Summary<O> {
    pub(crate) steps: u64,
    pub(crate) lm: f64,
    pub(crate) aux: Vec<(&'static str, f64)>,
    pub(crate) gradient_norm: f64,
    pub(crate) router_gradient_norm: f64,
    pub(crate) observation: O,
    pub(crate) observations: u64,
}

impl<O: Observation> Interval<O> {
    pub(crate) fn new() -> Self {
        Self {
            names: Vec::new(),
            read: Vec::new(),
            pending: Vec::new(),
            observation: None,
            observations: 0,
        }
    }

    /// Keeps the numbers of a step. Adding them up waits until they are read, so that a resumed run
    /// adds the same numbers in the same order.
    pub(crate) fn record(
        &mut self,
        lm: Tensor<1>,
        aux: Vec<(&'static str, Tensor<1>)>,
        norms: [Tensor<1>; 2],
    ) {
        let names: Vec<&'static str> = aux.iter().map(|(name, _)| *name).collect();
        if self.pending.is_empty() {
            self.names = names;
        } else {
            assert_eq!(
                self.names, names,
                "auxiliary losses must be the same in every step"
            );
        }
        let parts = std::iter::once(lm)
            .chain(aux.into_iter().map(|(_, loss)| loss))
            .chain(norms);
        self.pending.push(Tensor::cat(parts.collect(), 0));
    }

    pub(crate) fn observe(&mut self, observation: O) {
        self.observations += 1;
        self.observation = Some(match self.observation.take() {
            Some(sum) => sum.add(observation),
            None => observation,
        });
    }

    /// Reads everything and starts anew.
    ///
    /// # Panics
    ///
    /// When no step was recorded.
    pub(crate) fn finish(&mut self) -> Result<Summary<O>, TrainError> {
        self.read_pending()?;
        let rows = std::mem::take(&mut self.read);
        let width = self.names.len() + 3;
        assert!(
            rows.iter().all(|row| row.len() == width),
            "auxiliary losses must be the same in every step"
        );
        let mean = |column: usize| {
            rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / rows.len() as f64
        };
        Ok(Summary {
            steps: rows.len() as u64,
            lm: mean(0),
            aux: self
                .names
                .iter()
                .enumerate()
                .map(|(place, name)| (*name, mean(place + 1)))
                .collect(),
            gradient_norm: mean(width - 2),
            router_gradient_norm: rows.last().map_or(0.0, |row| f64::from(row[width - 1])),
            observation: self.observation.take().expect("a step was recorded"),
            observations: std::mem::take(&mut self.observations),
        })
    }

    /// The interval as it stands, for a checkpoint; it goes on afterwards.
    pub(crate) fn save(&mut self, device: &Device) -> Result<SavedInterval, TrainError> {
        self.read_pending()?;
        let observation = self.observation.take().map(O::into_host);
        self.observation = observation
            .clone()
            .map(|tensors| O::from_host(tensors, device));
        Ok(SavedInterval {
            rows: self
                .read
                .iter()
                .map(|row| row.iter().map(|value| value.to_bits()).collect())
                .collect(),
            observation,
            observations: self.observations,
        })
    }

    pub(crate) fn load(saved: SavedInterval, device: &Device) -> Self {
        Self {
            names: Vec::new(),
            read: saved
                .rows
                .into_iter()
                .map(|row| row.into_iter().map(f32::from_bits).collect())
                .collect(),
            pending: Vec::new(),
            observation: saved
                .observation
                .map(|tensors| O::from_host(tensors, device)),
            observations: saved.observations,
        }
    }

    /// One read of the device for all pending rows.
    fn read_pending(&mut self) -> Result<(), TrainError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let width = self.names.len() + 3;
        let rows = Tensor::cat(std::mem::take(&mut self.pending), 0);
        let numbers = numbers(rows)?;
        self.read
            .extend(numbers.chunks_exact(width).map(<[f32]>::to_vec));
        Ok(())
    }
}

/// Reads a tensor from the device.
pub(crate) fn numbers(tensor: Tensor<1>) -> Result<Vec<f32>, TrainError> {
    Ok(tensor
        .try_into_data()
        .map_err(TrainError::device)?
        .iter::<f32>()
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: f32) -> Tensor<1> {
        Tensor::from_data([value], &Device::flex())
    }

    fn record(interval: &mut Interval<()>, lm: f32, balance: f32, norm: f32, router: f32) {
        interval.record(
            one(lm),
            vec![("balance", one(balance))],
            [one(norm), one(router)],
        );
        interval.observe(());
    }

    #[test]
    fn means_are_over_the_steps_but_the_routers_norm_is_of_the_last() {
        let mut interval = Interval::new();
        record(&mut interval, 3.0, 0.5, 10.0, 1.0);
        record(&mut interval, 1.0, 0.25, 20.0, 4.0);
        let summary = interval.finish().expect("reads");
        assert_eq!((summary.steps, summary.observations), (2, 2));
        assert_eq!(
            (
                summary.lm,
                summary.gradient_norm,
                summary.router_gradient_norm
            ),
            (2.0, 15.0, 4.0)
        );
        assert_eq!(summary.aux, [("balance", 0.375)]);
        record(&mut interval, 7.0, 0.0, 0.0, 0.0);
        let summary = interval.finish().expect("reads");
        assert_eq!((summary.steps, summary.lm), (1, 7.0));
    }

    #[test]
    fn a_saved_interval_keeps_every_bit_and_not_a_number_too() {
        let mut interval = Interval::new();
        record(&mut interval, f32::NAN, 0.1, 0.3, 0.7);
        let saved = interval.save(&Device::flex()).expect("reads");
        let text = serde_json::to_string(&saved).expect("writes");
        let mut again =
            Interval::load(serde_json::from_str(&text).expect("reads"), &Device::flex());
        record(&mut again, 1.0, 0.1, 0.3, 0.7);
        record(&mut interval, 1.0, 0.1, 0.3, 0.7);
        let (a, b) = (
            interval.finish().expect("reads"),
            again.finish().expect("reads"),
        );
        assert!(a.lm.is_nan() && b.lm.is_nan());
        assert_eq!(a.gradient_norm.to_bits(), b.gradient_norm.to_bits());
        assert_eq!((b.steps, b.observations), (2, 2));
    }
}
