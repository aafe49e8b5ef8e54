//! Where a server may send a fetch, and what goes along.

use std::{env, io::Write, process::Command};

use corpora::CorpusError;
use rstest::rstest;

use crate::{
    lab::{BODY, Lab},
    server::{Mirror, reply},
};

fn redirect(location: &str) -> Vec<u8> {
    reply("302 Found", &format!("Location: {location}"), b"")
}

fn reason(error: &CorpusError) -> &str {
    match error {
        CorpusError::Download { reason, .. } => reason,
        _ => panic!("{error}"),
    }
}

#[rstest]
#[case::absolute(true)]
#[case::relative(false)]
fn a_redirect_to_itself_ends(#[case] absolute: bool) {
    let mirror = Mirror::start(move |request, stream| {
        let host = stream.local_addr()?;
        let path = &request.path;
        let location = if absolute {
            format!("http://{host}{path}")
        } else {
            path.clone()
        };
        stream.write_all(&redirect(&location))
    });
    let lab = Lab::new();
    let error = lab.fetch(&mirror).unwrap_err();
    assert!(
        reason(&error).contains("redirects more than 10 times"),
        "{error}"
    );
    assert!(error.is_missing());
    assert_eq!(mirror.requests().len(), 11);
    assert_eq!(lab.names(), [".fetch.lock"]);
}

#[rstest]
#[case("file:///etc/passwd")]
#[case("FILE:///etc/passwd")]
#[case("ftp://a.example/x")]
#[case("data:text/plain,Once")]
#[case("http://a.example/x")]
#[case("//a.example/x")]
#[case("http://me:secret@127.0.0.1/x")]
#[case("http://127.0.0.1:99999/x")]
#[case("http://[")]
#[case("\x1b[2J")]
#[case("\u{e9}")]
fn a_redirect_to_elsewhere_is_refused(#[case] location: &str) {
    let (lab, mirror) = (Lab::new(), Mirror::saying(redirect(location)));
    let error = lab.fetch(&mirror).unwrap_err();
    assert!(!reason(&error).contains('\x1b'), "{error}");
    assert_eq!(mirror.requests().len(), 1);
    assert_eq!(lab.names(), [".fetch.lock"]);
}

#[test]
fn a_redirect_without_an_address_is_refused() {
    let (lab, mirror) = (
        Lab::new(),
        Mirror::saying(reply("307 Temporary Redirect", "", b"")),
    );
    let error = lab.fetch(&mirror).unwrap_err();
    assert!(
        reason(&error).contains("redirects to no address"),
        "{error}"
    );
}

#[test]
fn ten_redirects_are_followed() {
    let mirror = Mirror::start(|request, stream| {
        let step = request
            .path
            .strip_prefix("/step/")
            .map_or(0, |step| step.parse().unwrap());
        let answer = match step {
            10 => reply("200 OK", "", BODY),
            step => redirect(&format!("/step/{}", step + 1)),
        };
        stream.write_all(&answer)
    });
    let lab = Lab::new();
    lab.fetch(&mirror).unwrap();
    lab.has_arrived(BODY);
    assert_eq!(mirror.requests().len(), 11);
}

const SECRET: &str = "hf_thisisasecret";

/// In a process of its own, where the token is set as its users set it.
#[test]
fn no_token_goes_anywhere() {
    if env::var("HF_TOKEN").as_deref() != Ok(SECRET) {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "redirects::no_token_goes_anywhere"]);
        child
            .env("HF_TOKEN", SECRET)
            .env("HUGGING_FACE_HUB_TOKEN", SECRET);
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
        return;
    }
    let other = Mirror::saying(reply("200 OK", "", BODY));
    let location = format!("{}/there", other.endpoint);
    let mirror = Mirror::start(move |_, stream| {
        let headers = format!("Location: {location}\nSet-Cookie: a=b; Path=/");
        stream.write_all(&reply("302 Found", &headers, b""))
    });
    let lab = Lab::new();
    lab.fetch(&mirror).unwrap();
    lab.has_arrived(BODY);
    let requests = [mirror.requests(), other.requests()].concat();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let unwanted = [SECRET, "authorization", "cookie"];
        assert!(
            !unwanted.iter().any(|word| request.headers.contains(word)),
            "{request:?}"
        );
    }
}
