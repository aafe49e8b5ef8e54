//! One file from an address to a place beside its target, going on from what arrived before.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
    time::{Duration, Instant},
};

use indicatif::ProgressBar;

use crate::{
    address::Address,
    client::{Answer, Client},
    part::{Note, Part},
};

/// The largest file that is taken; the largest of the manifest has 1.9 GB.
const MOST_BYTES: u64 = 16 << 30;

/// Fewer bytes a second than this are no download.
const SLOWEST: f64 = 100.0;

/// Why there is no file.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server or the line to it; what has arrived of the file is kept.
    Server(String),
    /// The disk.
    Disk(io::Error),
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self::Server(reason)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// What is fetched, and where to.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) address: &'a Address,
    pub(crate) target: &'a Path,
    /// Its size, where that is known; its digest is then known as well.
    pub(crate) bytes: Option<u64>,
    pub(crate) bar: &'a ProgressBar,
}

impl Download<'_> {
    /// The part, with as many bytes as the file has. They are still to be checked.
    pub(crate) fn run(&self) -> Result<Part, Failure> {
        let part = Part::of(self.target);
        if let Some(note) = self.usable(&part) {
            let have = part.bytes();
            if have == note.bytes {
                return Ok(part);
            }
            let answer = self.client.get(self.address, have)?;
            if continues(&answer, &note, have) {
                let file = part.go_on()?;
                self.receive(answer, file, have, note.bytes)?;
                return Ok(part);
            }
            // A server that sends the file from its beginning is heard; any other sends something
            // that does not fit what is there, and is asked again for the whole.
            if answer.status() == 200 {
                return self.whole(part, answer);
            }
            if ![206, 416].contains(&answer.status()) {
                return Err(unwanted(&answer).into());
            }
        }
        let answer = self.client.get(self.address, 0)?;
        if answer.status() != 200 {
            return Err(unwanted(&answer).into());
        }
        self.whole(part, answer)
    }

    /// What the part of an earlier fetch belongs to, if that can be gone on with.
    fn usable(&self, part: &Part) -> Option<Note> {
        let note = part.note()?;
        let have = part.bytes();
        let fits = note.source == self.address.to_string()
            && self.bytes.is_none_or(|bytes| bytes == note.bytes)
            && (1..=note.bytes).contains(&have)
            && (self.bytes.is_some() || note.etag.is_some());
        fits.then_some(note)
    }

    /// Receives a file from its beginning.
    fn whole(&self, part: Part, answer: Answer) -> Result<Part, Failure> {
        let bytes = self.acceptable(&answer)?;
        let note = Note {
            source: self.address.to_string(),
            bytes,
            etag: answer.etag.clone(),
        };
        let file = part.start(&note)?;
        let received = self.receive(answer, file, 0, bytes);
        if received.is_err() && self.usable(&part).is_none() {
            part.discard()?;
        }
        received.map(|()| part)
    }

    /// The size of the file that a server is about to send, if it can be the one that is wanted.
    fn acceptable(&self, answer: &Answer) -> Result<u64, String> {
        let kind = answer.header("content-type").unwrap_or_default();
        if kind.to_ascii_lowercase().starts_with("text/html") {
            return Err(format!("{} sends a web page ({kind:?})", answer.at));
        }
        // Without it, a file that was cut could not be told from a whole one.
        let announced = answer.response.body().content_length();
        // The client counts what is empty as no body at all.
        let empty = (answer.header("content-length") == Some("0")).then_some(0);
        let Some(announced) = announced.or(empty) else {
            return Err(format!("{} does not say how long the file is", answer.at));
        };
        match self.bytes {
            Some(bytes) if bytes != announced => Err(format!(
                "{} announces {announced} bytes, but the manifest records {bytes}",
                answer.at
            )),
            None if announced == 0 => Err(format!("{} sends an empty file", answer.at)),
            None if announced > MOST_BYTES => Err(format!(
                "{} announces {announced} bytes, and at most {MOST_BYTES} are taken",
                answer.at
            )),
            _ => Ok(announced),
        }
    }

    /// Writes the body of an answer to the end of a part that has `have` bytes of `bytes`.
    fn receive(
        &self,
        answer: Answer,
        mut file: File,
        have: u64,
        bytes: u64,
    ) -> Result<(), Failure> {
        self.bar.set_length(bytes);
        self.bar.set_position(have);
        let mut body = answer.response.into_body().into_reader();
        let mut buffer = vec![0; 64 << 10];
        let mut pace = Pace::new(self.client.stall());
        let mut got = have;
        while got < bytes {
            let room = buffer
                .len()
                .min((bytes - got).try_into().unwrap_or(usize::MAX));
            let read = body.read(&mut buffer[..room]).map_err(|error| {
                let words = self.client.words(&ureq::Error::from(error));
                format!("{words}, after {got} of {bytes} bytes")
            })?;
            if read == 0 {
                return Err(format!("the line ended after {got} of {bytes} bytes").into());
            }
            file.write_all(&buffer[..read])?;
            got += read as u64;
            self.bar.inc(read as u64);
            pace.check(read)?;
        }
        Ok(())
    }
}

/// Whether an answer holds exactly the rest of what a note describes.
fn continues(answer: &Answer, note: &Note, have: u64) -> bool {
    let Note { bytes, etag, .. } = note;
    let range = format!("bytes {have}-{}/{bytes}", bytes - 1);
    answer.status() == 206
        && answer.header("content-range") == Some(&range)
        && answer.response.body().content_length() == Some(bytes - have)
        && answer.etag == *etag
}

fn unwanted(answer: &Answer) -> String {
    let status = answer.response.status();
    let hint = match status.as_u16() {
        401 | 403 => ": it wants a login, or refuses this machine",
        404 => ": it has no such file",
        429 => ": it is asked too often",
        500..=599 => ": it has a fault of its own",
        _ => ", which is no answer to such a request",
    };
    format!("{} answers {status}{hint}", answer.at)
}

/// Notices a server that sends a byte now and then.
struct Pace {
    span: Duration,
    since: Instant,
    bytes: usize,
}

impl Pace {
    fn new(span: Duration) -> Self {
        Self {
            span,
            since: Instant::now(),
            bytes: 0,
        }
    }

    fn check(&mut self, read: usize) -> Result<(), String> {
        self.bytes += read;
        let elapsed = self.since.elapsed();
        if elapsed < self.span {
            return Ok(());
        }
        if (self.bytes as f64) < SLOWEST * elapsed.as_secs_f64() {
            return Err(format!("only {} bytes came in {elapsed:.0?}", self.bytes));
        }
        *self = Self::new(self.span);
        Ok(())
    }
}
