//! A server on this machine that speaks as the hub does: metadata headers, ranges, broken lines.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A file of the server, and after how many bytes of it the line breaks.
#[derive(Clone)]
struct Served {
    body: Vec<u8>,
    breaks_after: Option<usize>,
}

/// Files by path, and the ranges that were asked for.
#[derive(Default)]
struct State {
    files: Mutex<HashMap<String, Served>>,
    asked: Mutex<Vec<String>>,
}

/// The server; it runs until the test program ends.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    state: Arc<State>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is part of the tests.
                let _ = answer(stream, &shared);
            }
        });
        Self { endpoint, state }
    }

    /// Serves a file, wholly or until the line breaks after so many bytes.
    pub(crate) fn serve(&self, path: &str, body: &[u8], breaks_after: Option<usize>) {
        let served = Served {
            body: body.to_vec(),
            breaks_after,
        };
        self.state
            .files
            .lock()
            .unwrap()
            .insert(path.to_owned(), served);
    }

    /// The ranges that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? <= 2 {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("range: bytes=") {
            range = Some(value.trim().to_owned());
        }
    }
    let Some(served) = state.files.lock().unwrap().get(&path).cloned() else {
        return stream.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    };
    let size = served.body.len();
    let (from, to) = match range.as_deref().and_then(|range| range.split_once('-')) {
        Some((from, to)) => {
            let from: usize = from.parse().unwrap();
            (from, to.parse::<usize>().map_or(size, |to| to + 1))
        }
        None => (0, size),
    };
    state
        .asked
        .lock()
        .unwrap()
        .push(range.clone().unwrap_or_default());
    let status = if range.is_some() {
        "206 Partial Content"
    } else {
        "200 OK"
    };
    let content_range = format!("Content-Range: bytes {from}-{}/{size}\r\n", to - 1);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nETag: \"abc\"\r\nX-Repo-Commit: 0123\r\n{}Connection: close\r\n\r\n",
        to - from,
        if range.is_some() {
            content_range.as_str()
        } else {
            ""
        },
    )?;
    let sent = served.breaks_after.map_or(to, |after| to.min(after));
    stream.write_all(&served.body[from.min(sent)..sent])
}
