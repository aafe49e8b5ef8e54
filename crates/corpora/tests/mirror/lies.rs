//! Answers that are not the file.

use std::{fs, io::Write, thread, time::Duration};

use corpora::CorpusError;
use rstest::rstest;

use crate::{
    lab::{BODY, Lab, PATH, edition, fetcher},
    server::{Mirror, raw, reply, wait_for_the_end},
};

/// The reason that a fetch gives, which fails, names what a person needs and leaves nothing.
fn refused(lab: &Lab, mirror: &Mirror, error: CorpusError) -> String {
    let text = error.to_string();
    let CorpusError::Download { reason, .. } = &error else {
        panic!("{error}")
    };
    assert!(error.is_missing());
    let place = lab.target().display().to_string();
    let address = format!("{}{PATH}", mirror.endpoint);
    for part in [
        "stories/train.txt",
        &address,
        &place,
        "`xp data fetch stories`",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!lab.target().exists());
    reason.clone()
}

#[rstest]
#[case::missing(
    reply("404 Not Found", "", b"no"),
    "404 Not Found: it has no such file"
)]
#[case::fault(reply("500 Internal Server Error", "", b""), "500")]
#[case::login(reply("401 Unauthorized", "", b""), "login")]
#[case::unchanged(raw("304 Not Modified", "", b""), "304")]
#[case::other_success(reply("203 Non-Authoritative", "", BODY), "203")]
#[case::unasked_part(
    reply("206 Partial Content", "Content-Range: bytes 0-51/99", BODY),
    "206"
)]
#[case::empty(reply("200 OK", "", b""), "empty")]
#[case::page(
    reply("200 OK", "Content-Type: text/HTML; charset=utf-8", BODY),
    "web page"
)]
#[case::page_as_text(
    reply("200 OK", "Content-Type: text/plain", b"\n<html>login</html>"),
    "web page"
)]
#[case::no_length(raw("200 OK", "", BODY), "how long")]
#[case::chunks(
    raw("200 OK", "Transfer-Encoding: chunked", b"1\r\na\r\n0\r\n\r\n"),
    "how long"
)]
#[case::packed(
    reply("200 OK", "Content-Encoding: gzip", b"\x1f\x8b\x08\0"),
    "how long"
)]
#[case::huge(raw("200 OK", "Content-Length: 1000000000000000", BODY), "at most")]
#[case::beyond_numbers(raw("200 OK", "Content-Length: 99999999999999999999", BODY), "")]
#[case::negative(raw("200 OK", "Content-Length: -1", BODY), "")]
#[case::two_lengths(raw("200 OK", "Content-Length: 1\nContent-Length: 2", BODY), "")]
#[case::short(raw("200 OK", "Content-Length: 99", BODY), "of 99 bytes")]
#[case::garbage(b"\x00\xff\x16\x03\x01 nothing \r\n\r\n of HTTP".to_vec(), "")]
#[case::nothing(Vec::new(), "")]
#[case::half_a_head(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(), "")]
#[case::long_head(raw("200 OK", &"X: y\n".repeat(100_000), BODY), "")]
fn what_is_not_a_file_is_refused(#[case] answer: Vec<u8>, #[case] expected: &str) {
    let (lab, mirror) = (Lab::new(), Mirror::saying(answer));
    let before = lab.others();
    let error = lab.fetch(&mirror).unwrap_err();
    let reason = refused(&lab, &mirror, error);
    assert!(reason.contains(expected), "{reason}");
    assert_eq!(lab.names(), [".fetch.lock"]);
    assert_eq!(lab.others(), before);
}

#[rstest]
#[case::empty(b"", "announces 0 bytes")]
#[case::short(b"Once", "announces 4 bytes, but the manifest records 53")]
#[case::page(b"<html>login</html>", "announces 18 bytes")]
#[case::long(&[b'a'; 99], "announces 99 bytes")]
fn another_size_than_the_recorded_one_is_refused(#[case] body: &[u8], #[case] expected: &str) {
    let (lab, mirror) = (Lab::new(), Mirror::saying(reply("200 OK", "", body)));
    let error = lab.fetch_known(&mirror).unwrap_err();
    let reason = refused(&lab, &mirror, error);
    assert!(reason.contains(expected), "{reason}");
    assert_eq!(lab.names(), [".fetch.lock"]);
}

#[test]
fn another_content_of_the_recorded_size_is_refused() {
    let mut body = BODY.to_vec();
    body[10] ^= 1;
    let (lab, mirror) = (Lab::new(), Mirror::saying(reply("200 OK", "", &body)));
    let error = lab.fetch_known(&mirror).unwrap_err();
    assert!(
        matches!(error, CorpusError::DigestMismatch { .. }),
        "{error}"
    );
    assert!(
        error.is_missing() && error.to_string().contains("another mirror"),
        "{error}"
    );
    assert_eq!(lab.names(), [".fetch.lock"]);
}

#[test]
fn what_comes_after_the_file_is_not_read() {
    let answer = [&reply("200 OK", "", BODY)[..], b"and more"].concat();
    let (lab, mirror) = (Lab::new(), Mirror::saying(answer));
    lab.fetch(&mirror).unwrap();
    lab.has_arrived(BODY);
}

#[test]
fn headers_are_never_paths() {
    let lab = Lab::new();
    let victim = lab.victim();
    let up = |steps: usize| format!("{}victim.txt", "../".repeat(steps));
    let mut paths: Vec<_> = (1..9).map(up).collect();
    paths.extend([victim, "..\\..\\victim.txt".to_owned(), "..".to_owned()]);
    let before = lab.others();
    for path in &paths {
        for cut in [0, 20] {
            let headers = format!(
                "ETag: \"{path}\"\nX-Linked-Etag: \"{path}\"\nX-Repo-Commit: {path}/x\n\
                 Content-Disposition: attachment; filename=\"{path}\""
            );
            let mut answer = reply("200 OK", &headers, BODY);
            answer.truncate(answer.len() - cut);
            let mirror = Mirror::saying(answer);
            match lab.fetch(&mirror) {
                Ok(_) => {
                    lab.has_arrived(BODY);
                    fs::remove_dir_all(lab.data.file("stories")).unwrap();
                }
                Err(error) => {
                    assert!(cut > 0, "{error}");
                    let kept = [".fetch.lock", ".train.txt.part", ".train.txt.part.toml"];
                    assert_eq!(lab.names(), kept);
                }
            }
            assert_eq!(lab.others(), before, "{path}");
        }
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let (lab, mirror) = (
        Lab::new(),
        Mirror::start(|_, stream| wait_for_the_end(stream)),
    );
    let error = lab.fetch_impatiently(&mirror).unwrap_err();
    let reason = refused(&lab, &mirror, error);
    assert!(
        reason.contains("within 1s") || reason.contains("for 1s"),
        "{reason}"
    );
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let mirror = Mirror::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X: y\r\n")?;
            thread::sleep(Duration::from_millis(100));
        }
    });
    let lab = Lab::new();
    let error = lab.fetch_impatiently(&mirror).unwrap_err();
    let reason = refused(&lab, &mirror, error);
    assert!(reason.contains("no answer within 1s"), "{reason}");
}

#[test]
fn a_server_that_stops_in_the_middle_is_given_up() {
    let mirror = Mirror::start(|_, stream| {
        let answer = reply("200 OK", "ETag: \"a\"", BODY);
        stream.write_all(&answer[..answer.len() - 20])?;
        wait_for_the_end(stream)
    });
    let lab = Lab::new();
    let error = lab.fetch_impatiently(&mirror).unwrap_err();
    assert!(
        error.to_string().contains("the first 33 bytes are kept"),
        "{error}"
    );
    let reason = refused(&lab, &mirror, error);
    assert!(reason.contains("for 1s, after 33 of 53 bytes"), "{reason}");
}

#[test]
fn a_server_that_drips_is_given_up() {
    let mirror = Mirror::start(|_, stream| {
        stream.write_all(&raw("200 OK", "Content-Length: 1000000", b""))?;
        loop {
            stream.write_all(b"a")?;
            thread::sleep(Duration::from_millis(50));
        }
    });
    let lab = Lab::new();
    let error = lab.fetch_impatiently(&mirror).unwrap_err();
    let reason = refused(&lab, &mirror, error);
    assert!(reason.contains("bytes came in"), "{reason}");
}

#[test]
fn a_server_that_is_not_there_is_said() {
    let lab = Lab::new();
    // The port was free a moment ago, and nobody listens on it.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = lab
        .run(fetcher(&format!("http://{port}"), &edition()))
        .unwrap_err();
    assert!(matches!(error, CorpusError::Download { .. }), "{error}");
    assert!(error.is_missing());
}

#[rstest]
#[case("http://a.example", "plain http")]
#[case("http://192.0.2.1:8080/hub", "plain http")]
#[case("ftp://a.example", "not https")]
#[case("file:///etc", "not an address")]
#[case("nonsense", "not a full address")]
#[case("https://me:secret@a.example", "password")]
#[case("https://127.0.0.1:99999", "no port")]
fn an_endpoint_that_is_none_is_refused(#[case] endpoint: &str, #[case] expected: &str) {
    let lab = Lab::new();
    let error = lab.run(fetcher(endpoint, "")).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, CorpusError::Endpoint { .. }), "{text}");
    assert!(error.is_missing());
    for part in ["HF_ENDPOINT", "--plain-http", expected] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("secret"), "{text}");
    assert!(!lab.data.file("stories").exists());
}
