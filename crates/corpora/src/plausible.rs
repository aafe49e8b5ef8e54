//! Whether a file can be what its name says, as far as its beginning tells.
//!
//! A mirror that wants a login, or a network that does, answers every request with a page for
//! people. A digest finds that out where one is known; elsewhere this does, before the page gets
//! the name of the file.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// How many bytes are looked at.
const BEGINNING: u64 = 512;

/// Why the file that arrived at `path` cannot be the one called `name`, if that can be seen.
pub(crate) fn implausible(name: &str, path: &Path) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let mut beginning = Vec::new();
    file.by_ref().take(BEGINNING).read_to_end(&mut beginning)?;
    Ok(judge(name, &beginning, bytes))
}

fn judge(name: &str, beginning: &[u8], bytes: u64) -> Option<String> {
    if beginning.is_empty() {
        return Some("what came is empty".to_owned());
    }
    let begins = || {
        let shown = &beginning[..beginning.len().min(40)];
        format!("it begins with {:?}", String::from_utf8_lossy(shown))
    };
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    let text = text.trim_ascii_start();
    let page = [&b"<!doctype"[..], b"<html", b"<head", b"<?xml"];
    if page.iter().any(|start| starts_with(text, start)) {
        return Some(format!("what came is a web page: {}", begins()));
    }
    let expected = match Path::new(name).extension()?.to_str()? {
        "json" if !text.starts_with(b"{") && !text.starts_with(b"[") => "JSON",
        "safetensors" if !has_safetensors_head(beginning, bytes) => "safetensors",
        _ => return None,
    };
    Some(format!("what came is not {expected}: {}", begins()))
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len())
        .is_some_and(|text| text.eq_ignore_ascii_case(start))
}

/// The length of a JSON object, as eight bytes, and the object.
fn has_safetensors_head(beginning: &[u8], bytes: u64) -> bool {
    let Some((length, rest)) = beginning.split_first_chunk::<8>() else {
        return false;
    };
    u64::from_le_bytes(*length) <= bytes - 8 && rest.starts_with(b"{")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a.txt", b"Once there was a page.", true)]
    #[case("a.txt", b"", false)]
    #[case("a.txt", b"<html>login</html>", false)]
    #[case("a.txt", b"\xef\xbb\xbf\n <!DOCTYPE HTML><p>", false)]
    #[case("a.txt", b"<?xml version='1.0'?><Error/>", false)]
    #[case("a.txt", b"<|endoftext|>", true)]
    #[case("a.json", b"\n{}", true)]
    #[case("a.json", b"[1]", true)]
    #[case("a.json", b"login first", false)]
    #[case("a.safetensors", b"\x02\0\0\0\0\0\0\0{}", true)]
    // One byte more than there is.
    #[case("a.safetensors", b"\x03\0\0\0\0\0\0\0{}", false)]
    #[case("a.safetensors", b"\x02\0\0\0\0\0\0\0()", false)]
    #[case("a.safetensors", b"short", false)]
    #[case("a.safetensors", b"{ 'error': 'login first' }", false)]
    fn a_file_is_what_it_is_called(#[case] name: &str, #[case] body: &[u8], #[case] good: bool) {
        let verdict = judge(name, body, body.len() as u64);
        assert_eq!(verdict.is_none(), good, "{verdict:?}");
    }
}
