//! The bytes of a sweep file, which may be a pipe that a shell fills, `xp plan <(command)`, and the folder it is in.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

/// A sweep file is smaller; what is larger, or never ends, is something else.
const MOST_BYTES: u64 = 16 << 20;

/// How long a pipe may say nothing: that of a command that is at work, and not that of nobody.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads a file, or a pipe to its end.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = if is_pipe(path) {
        from_pipe(path)?
    } else {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)?;
        bytes
    };
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("it holds more than {} MiB", MOST_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo())
}

#[cfg(not(unix))]
const fn is_pipe(_: &Path) -> bool {
    false
}

/// Reads apart from the program, since opening a pipe waits for its other end, and reading for bytes.
fn from_pipe(path: &Path) -> io::Result<Vec<u8>> {
    let (send, receive) = mpsc::channel();
    let owned = path.to_owned();
    thread::spawn(move || {
        if let Err(error) = forward(&owned, &send) {
            // Nobody waits any more where it cannot be sent.
            let _ = send.send(Err(error));
        }
    });
    let mut bytes = Vec::new();
    loop {
        match receive.recv_timeout(PATIENCE) {
            Ok(more) => bytes.extend(more?),
            // The end of the pipe.
            Err(RecvTimeoutError::Disconnected) => return Ok(bytes),
            Err(RecvTimeoutError::Timeout) => {
                let seconds = PATIENCE.as_secs();
                let message =
                    format!("it is a pipe into which nothing was written for {seconds} s");
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
        }
        if bytes.len() as u64 > MOST_BYTES {
            return Ok(bytes);
        }
    }
}

fn forward(path: &Path, send: &Sender<io::Result<Vec<u8>>>) -> io::Result<()> {
    let mut pipe = File::open(path)?;
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = pipe.read(&mut piece)?;
        if length == 0 || send.send(Ok(piece[..length].to_vec())).is_err() {
            return Ok(());
        }
    }
}

/// The TOML files of a folder.
pub(super) fn toml_files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|end| end == "toml") && path.is_file())
}

/// The folder of a file that is named without one.
pub(super) fn current_if_empty(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        folder.to_owned()
    }
}
