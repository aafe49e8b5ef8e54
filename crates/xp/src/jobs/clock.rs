//! What a piece of work takes on a device.

use std::time::Instant;

use burn::tensor::Device;

use super::context::JobError;

/// Runs `work` between two waits for the device; gives its result and its seconds.
///
/// The result is handed back undropped, so that freeing it counts for nothing.
pub(super) fn timed_on<T>(device: &Device, work: impl FnOnce() -> T) -> Result<(T, f64), JobError> {
    let sync = || {
        device
            .sync()
            .map_err(|error| JobError::Failed(error.to_string()))
    };
    sync()?;
    let start = Instant::now();
    let result = work();
    sync()?;
    Ok((result, start.elapsed().as_secs_f64()))
}
