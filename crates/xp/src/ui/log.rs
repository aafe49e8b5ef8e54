//! Logs: one file for each run of a sweep, its level set by `RUST_LOG`.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::exit::Expected;

/// Logs to `<work>/logs/<sweep>-<time>.log` from now on.
pub(crate) fn log_to_file(work: &Path, sweep: &str) -> Result<PathBuf, Expected> {
    let folder = work.join("logs");
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let path = folder.join(format!("{sweep}-{time}-{}.log", std::process::id()));
    let file = fs::create_dir_all(&folder).and_then(|()| File::create(&path));
    let file = file.map_err(|error| Expected::io(format!("write {}", path.display()), error))?;
    start(Mutex::new(file), "info");
    Ok(path)
}

/// Logs to stderr from now on, where another process reads it.
pub(crate) fn log_to_stderr() {
    start(io::stderr, "info");
}

/// Says on stderr what is odd from now on, unless something is logged already; `RUST_LOG` asks for more.
pub(crate) fn warn_on_stderr() {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter("warn"))
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .log_internal_errors(false)
        .with_writer(io::stderr);
    // A log that was started before has it all.
    let _ = log.try_init();
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level))
}

fn start(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static, level: &str) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(level))
        .with_ansi(false)
        // A log that cannot be written is told of on stderr, and where that is full too, by a panic.
        .log_internal_errors(false)
        .with_writer(writer);
    // A second start keeps the first log.
    let _ = log.try_init();
}
