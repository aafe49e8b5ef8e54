//! The one client of all downloads: how long it waits, and which redirects it follows.
//!
//! What a server says in its headers is never taken for a path. No token, cookie or password is
//! sent to any server: all of the data is public.

use std::time::Duration;

use ureq::{
    Agent, Body, Timeout,
    http::{HeaderMap, Response, header},
};

use crate::address::Address;

/// How many redirects are followed; the hub needs one or two.
const MOST_REDIRECTS: usize = 10;

/// The longest that one answer may take, however steadily it comes; the next fetch goes on from it.
const LONGEST_BODY: Duration = Duration::from_hours(24);

/// How long a fetch waits for a server that says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// To find the host, and to be connected to it.
    pub connect: Duration,
    /// To receive the head of an answer.
    pub answer: Duration,
    /// To receive something more of a file, and the span over which its speed is judged.
    pub stall: Duration,
}

impl Default for Patience {
    /// Half a minute to connect, for an answer and for a pause in it.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            stall: Duration::from_secs(30),
        }
    }
}

/// What a server answered to a request that was no redirect.
pub(crate) struct Answer {
    /// The address that answered.
    pub(crate) at: Address,
    /// What the server calls this content, if that can tell it from another: from the hub, which
    /// knows the digest of a file that it redirects for, or else from who sends the file.
    pub(crate) etag: Option<String>,
    pub(crate) response: Response<Body>,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header that is plain text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }
}

/// Asks for files.
pub(crate) struct Client {
    agent: Agent,
    patience: Patience,
    plain_http: bool,
}

impl Client {
    pub(crate) fn new(patience: Patience, plain_http: bool) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Redirects are followed here, where each is looked at first.
            .max_redirects(0)
            // A compressed body would have another length than the file.
            .accept_encoding("identity")
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_send_request(Some(patience.answer))
            .timeout_recv_response(Some(patience.answer))
            .timeout_recv_body(Some(LONGEST_BODY))
            .timeout_per_read(Some(patience.stall))
            .timeout_per_write(Some(patience.stall))
            .build();
        Self {
            agent: config.new_agent(),
            patience,
            plain_http,
        }
    }

    /// How long a pause in a file may be.
    pub(crate) fn stall(&self) -> Duration {
        self.patience.stall
    }

    /// Asks for the bytes of a file from a place on, and follows redirects.
    pub(crate) fn get(&self, address: &Address, from: u64) -> Result<Answer, String> {
        let mut at = address.clone();
        let mut linked = None;
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.agent.get(at.uri());
            if from > 0 {
                request = request.header(header::RANGE, format!("bytes={from}-"));
            }
            if at.is_loopback() {
                // Plain http is taken from this machine because it stays here.
                request = request.config().proxy(None).build();
            }
            let response = request.call().map_err(|error| self.words(&error))?;
            let headers = response.headers();
            linked = linked.or_else(|| etag(headers, "x-linked-etag"));
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(Answer {
                    etag: linked.or_else(|| etag(headers, "etag")),
                    at,
                    response,
                });
            }
            let location = headers.get(header::LOCATION).map(|value| value.to_str());
            let Some(Ok(location)) = location else {
                return Err(format!("{at} redirects to no address"));
            };
            at = at.redirect(location, self.plain_http)?;
        }
        Err(format!(
            "the server redirects more than {MOST_REDIRECTS} times, the last time to {at}"
        ))
    }

    /// The whole of a short answer.
    pub(crate) fn text(&self, address: &Address, most: u64) -> Result<Vec<u8>, String> {
        let answer = self.get(address, 0)?;
        let status = answer.response.status();
        if status.as_u16() != 200 {
            return Err(format!("{} answers {status}", answer.at));
        }
        let mut body = answer.response.into_body();
        let read = body.with_config().limit(most).read_to_vec();
        read.map_err(|error| self.words(&error))
    }

    /// What went wrong on the line.
    pub(crate) fn words(&self, error: &ureq::Error) -> String {
        let wait = &self.patience;
        match error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                format!("no connection within {:?}", wait.connect)
            }
            ureq::Error::Timeout(Timeout::RecvResponse | Timeout::SendRequest) => {
                format!("no answer within {:?}", wait.answer)
            }
            ureq::Error::Timeout(Timeout::PerRead | Timeout::PerWrite) => {
                format!("the server said nothing for {:?}", wait.stall)
            }
            ureq::Error::Timeout(_) => format!("the file had not come within {LONGEST_BODY:?}"),
            other => other.to_string(),
        }
    }
}

/// A name of a content that is the same only where every byte is; a weak one is not.
fn etag(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.starts_with('"') && text.len() <= 200).then(|| text.to_owned())
}
