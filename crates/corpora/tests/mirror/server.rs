//! A server on this machine that answers whatever a test wants.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// The head of a request, in lower case but for the path.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: String,
}

impl Request {
    /// The first byte that is asked for, where a range is.
    pub(crate) fn from(&self) -> Option<usize> {
        let (_, range) = self.headers.split_once("range: bytes=")?;
        range.split('-').next()?.parse().ok()
    }
}

/// The server; it runs until the test program ends.
pub(crate) struct Mirror {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Mirror {
    /// Answers each request by writing to its connection, which is closed afterwards.
    pub(crate) fn start(
        answer: impl Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (shared, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (shared, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                thread::spawn(move || -> io::Result<()> {
                    let request = read(&stream)?;
                    shared.lock().unwrap().push(request.clone());
                    // A client that goes away early is part of the tests.
                    answer(&request, &mut stream)
                });
            }
        });
        Self { endpoint, requests }
    }

    /// Answers every request with the same bytes.
    pub(crate) fn saying(bytes: Vec<u8>) -> Self {
        Self::start(move |_, stream| stream.write_all(&bytes))
    }

    /// What was asked, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = String::new();
    while reader.read_line(&mut headers)? > 2 {}
    Ok(Request {
        path,
        headers: headers.to_lowercase(),
    })
}

/// An answer with these headers, one a line, and the length of its body.
pub(crate) fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}\n{headers}", body.len());
    raw(status, &length, body)
}

/// An answer with these headers and no others.
pub(crate) fn raw(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    // An empty line would end the head.
    let mut lines: Vec<_> = headers.lines().filter(|line| !line.is_empty()).collect();
    lines.push("Connection: close");
    let head = format!("HTTP/1.1 {status}\r\n{}\r\n\r\n", lines.join("\r\n"));
    [head.as_bytes(), body].concat()
}

/// Says nothing until the client goes away.
pub(crate) fn wait_for_the_end(stream: &mut TcpStream) -> io::Result<()> {
    io::copy(&mut stream.take(u64::MAX), &mut io::sink()).map(|_| ())
}
