//! Going on with what arrived before, and what is left by a fetch that was killed.

use std::{
    fs,
    io::Write,
    sync::{Arc, Mutex},
    thread,
};

use corpora::CorpusError;

use crate::{
    lab::{BODY, Lab, PATH},
    server::{Mirror, Request, raw, reply},
};

/// How the file is served at the moment.
#[derive(Clone)]
struct Shelf {
    body: Vec<u8>,
    headers: &'static str,
    /// After how many bytes the line breaks.
    cut: Option<usize>,
    takes_ranges: bool,
}

/// A server whose shelf changes during a test.
struct Library {
    mirror: Mirror,
    shelf: Arc<Mutex<Shelf>>,
}

impl Library {
    /// A file with an `ETag`, of which the first 20 bytes arrive.
    fn new() -> Self {
        let shelf = Arc::new(Mutex::new(Shelf {
            body: BODY.to_vec(),
            headers: "ETag: \"first\"",
            cut: Some(20),
            takes_ranges: true,
        }));
        let shared = Arc::clone(&shelf);
        let mirror = Mirror::start(move |request, stream| {
            let shelf = shared.lock().unwrap().clone();
            let from = request.from().filter(|_| shelf.takes_ranges);
            let (status, range) = match from {
                None => ("200 OK", String::new()),
                Some(from) if from >= shelf.body.len() => {
                    ("416 Range Not Satisfiable", String::new())
                }
                Some(from) => {
                    let bytes = shelf.body.len();
                    let range = format!("\nContent-Range: bytes {from}-{}/{bytes}", bytes - 1);
                    ("206 Partial Content", range)
                }
            };
            let body = shelf.body.get(from.unwrap_or(0)..).unwrap_or_default();
            let answer = reply(status, &format!("{}{range}", shelf.headers), body);
            let lost = shelf.cut.map_or(0, |cut| body.len() - cut);
            stream.write_all(&answer[..answer.len() - lost])
        });
        Self { mirror, shelf }
    }

    /// The same, after a fetch that got 20 bytes.
    fn after_a_cut(lab: &Lab) -> Self {
        let library = Self::new();
        let error = lab.fetch(&library.mirror).unwrap_err();
        assert!(
            error.to_string().contains("the first 20 bytes are kept"),
            "{error}"
        );
        assert_eq!(fs::read(lab.part()).unwrap(), BODY[..20]);
        assert!(!lab.target().exists());
        library.change(|shelf| shelf.cut = None);
        library
    }

    fn change(&self, change: impl FnOnce(&mut Shelf)) {
        change(&mut self.shelf.lock().unwrap());
    }

    /// From where each request wanted the file, 0 for the whole.
    fn asked(&self) -> Vec<usize> {
        let requests = self.mirror.requests();
        requests
            .iter()
            .map(|request| request.from().unwrap_or(0))
            .collect()
    }
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let lab = Lab::new();
    let library = Library::after_a_cut(&lab);
    library.change(|shelf| shelf.cut = Some(10));
    lab.fetch(&library.mirror).unwrap_err();
    assert_eq!(fs::read(lab.part()).unwrap(), BODY[..30]);
    library.change(|shelf| shelf.cut = None);
    lab.fetch(&library.mirror).unwrap();
    lab.has_arrived(BODY);
    assert_eq!(library.asked(), [0, 20, 30]);
}

#[test]
fn a_server_that_ignores_ranges_sends_the_whole() {
    let lab = Lab::new();
    let library = Library::after_a_cut(&lab);
    library.change(|shelf| shelf.takes_ranges = false);
    lab.fetch(&library.mirror).unwrap();
    lab.has_arrived(BODY);
    assert_eq!(library.asked(), [0, 20]);
}

#[test]
fn a_part_of_another_content_is_not_gone_on_with() {
    let lab = Lab::new();
    let library = Library::after_a_cut(&lab);
    let other = BODY.to_ascii_uppercase();
    library.change(|shelf| {
        shelf.body = other.clone();
        shelf.headers = "ETag: \"second\"";
    });
    lab.fetch(&library.mirror).unwrap();
    lab.has_arrived(&other);
    assert_eq!(library.asked(), [0, 20, 0]);
}

#[test]
fn a_file_that_became_shorter_is_fetched_afresh() {
    let lab = Lab::new();
    let library = Library::after_a_cut(&lab);
    library.change(|shelf| shelf.body = b"Once.".to_vec());
    lab.fetch(&library.mirror).unwrap();
    lab.has_arrived(b"Once.");
    assert_eq!(library.asked(), [0, 20, 0]);
}

#[test]
fn without_a_name_for_the_content_only_a_known_digest_lets_a_download_go_on() {
    for headers in ["", "ETag: W/\"weak\""] {
        let library = Library::new();
        library.change(|shelf| shelf.headers = headers);
        let lab = Lab::new();
        let error = lab.fetch(&library.mirror).unwrap_err();
        assert!(
            error.to_string().contains("nothing of it is kept"),
            "{error}"
        );
        assert_eq!(lab.names(), [".fetch.lock"]);

        lab.fetch_known(&library.mirror).unwrap_err();
        library.change(|shelf| shelf.cut = None);
        lab.fetch_known(&library.mirror).unwrap();
        lab.has_arrived(BODY);
        assert_eq!(library.asked(), [0, 0, 20]);
    }
}

#[test]
fn a_range_that_was_not_asked_for_is_not_taken() {
    let lies = [
        "bytes 0-52/53",
        "bytes 20-52/54",
        "bytes 20-51/53",
        "bytes 20-52/*",
        "bytes */53",
        "twenty",
    ];
    for range in lies {
        let lab = Lab::new();
        Library::after_a_cut(&lab);
        let liar = Mirror::start(move |request, stream| {
            let answer = match request.from() {
                Some(from) => {
                    let headers = format!("ETag: \"first\"\nContent-Range: {range}");
                    reply("206 Partial Content", &headers, &BODY[from..])
                }
                None => reply("200 OK", "", BODY),
            };
            stream.write_all(&answer)
        });
        redirect_note(&lab, &liar);
        lab.fetch(&liar).unwrap();
        lab.has_arrived(BODY);
        let asked: Vec<_> = liar.requests().iter().map(Request::from).collect();
        assert_eq!(asked, [Some(20), None], "{range}");
    }
}

/// Lets the part that is there be one of another server.
fn redirect_note(lab: &Lab, mirror: &Mirror) {
    let note = fs::read_to_string(lab.note()).unwrap();
    let (before, _) = note.split_once("http").unwrap();
    let (_, after) = note.split_once(PATH).unwrap();
    fs::write(
        lab.note(),
        format!("{before}{}{PATH}{after}", mirror.endpoint),
    )
    .unwrap();
}

#[test]
fn a_part_from_elsewhere_is_not_gone_on_with() {
    let lab = Lab::new();
    Library::after_a_cut(&lab);
    let other = Library::new();
    other.change(|shelf| shelf.cut = None);
    lab.fetch(&other.mirror).unwrap();
    lab.has_arrived(BODY);
    assert_eq!(other.asked(), [0]);
}

#[test]
fn a_refusal_does_not_cost_what_has_arrived() {
    let lab = Lab::new();
    let library = Library::after_a_cut(&lab);
    for status in ["404 Not Found", "503 Service Unavailable"] {
        let refusing = Mirror::saying(raw(status, "Content-Length: 0", b""));
        redirect_note(&lab, &refusing);
        let error = lab.fetch(&refusing).unwrap_err();
        assert!(
            error.to_string().contains("the first 20 bytes are kept"),
            "{error}"
        );
    }
    redirect_note(&lab, &library.mirror);
    lab.fetch(&library.mirror).unwrap();
    lab.has_arrived(BODY);
}

#[test]
fn a_wrong_part_is_found_out_at_the_end() {
    let lab = Lab::new();
    let library = Library::after_a_cut(&lab);
    fs::write(lab.part(), "Once there were files").unwrap();
    let error = lab.fetch_known(&library.mirror).unwrap_err();
    assert!(
        matches!(error, CorpusError::DigestMismatch { .. }),
        "{error}"
    );
    assert_eq!(lab.names(), [".fetch.lock"]);
    lab.fetch_known(&library.mirror).unwrap();
    lab.has_arrived(BODY);
    assert_eq!(library.asked(), [0, 21, 0]);
}

#[test]
fn leftovers_of_a_killed_fetch_are_cleared_up() {
    type Leave = fn(&Lab);
    let leftovers: [(Leave, &[usize]); 6] = [
        // A note before its part, and a part before its first byte.
        (|lab| fs::remove_file(lab.part()).unwrap(), &[0, 0]),
        (|lab| fs::write(lab.part(), "").unwrap(), &[0, 0]),
        // Half a note, and none, as an earlier version left it.
        (
            |lab| fs::write(lab.note(), "source = \"ht").unwrap(),
            &[0, 0],
        ),
        (|lab| fs::remove_file(lab.note()).unwrap(), &[0, 0]),
        // More than the file has.
        (|lab| fs::write(lab.part(), [b'a'; 99]).unwrap(), &[0, 0]),
        // The whole file, before it got its name.
        (|lab| fs::write(lab.part(), BODY).unwrap(), &[0]),
    ];
    for (leave, asked) in leftovers {
        let lab = Lab::new();
        let library = Library::after_a_cut(&lab);
        leave(&lab);
        // Unfinished downloads of earlier versions.
        fs::create_dir_all(lab.data.file("stories/.fetch/models--a/blobs")).unwrap();
        fs::write(lab.data.file("stories/.fetch/models--a/blobs/b.part"), "c").unwrap();
        lab.fetch(&library.mirror).unwrap();
        lab.has_arrived(BODY);
        assert!(!lab.data.file("stories/.fetch").exists());
        assert_eq!(library.asked(), asked);
    }
}

#[test]
fn a_file_that_is_there_is_asked_of_nobody() {
    let lab = Lab::new();
    let library = Library::new();
    fs::create_dir_all(lab.data.file("stories")).unwrap();
    fs::write(lab.target(), "mine").unwrap();
    assert!(lab.fetch(&library.mirror).unwrap().was_present);
    assert!(library.asked().is_empty());
    assert_eq!(fs::read(lab.target()).unwrap(), b"mine");
}

#[test]
fn fetches_at_once_go_on_with_one_part_in_turn() {
    let lab = Lab::new();
    let library = Library::after_a_cut(&lab);
    let fetched: Vec<_> = thread::scope(|scope| {
        let fetch = |_| scope.spawn(|| lab.fetch(&library.mirror).unwrap());
        let started: Vec<_> = (0..4).map(fetch).collect();
        started
            .into_iter()
            .map(|fetch| fetch.join().unwrap())
            .collect()
    });
    assert_eq!(fetched.iter().filter(|file| !file.was_present).count(), 1);
    lab.has_arrived(BODY);
    assert_eq!(library.asked(), [0, 20]);
}
