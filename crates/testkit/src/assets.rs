//! Where tests find real data.

use std::path::PathBuf;

/// The variable that names the folder holding `datasets/`, `golden/`, `models/` and `tokenizers/`.
const VARIABLE: &str = "SWITCHYARD_ASSETS";

/// The folder of real data, or `None` after saying that `test` is skipped.
///
/// ```
/// # fn a_test() {
/// let Some(assets) = testkit::assets("reads the real text") else { return };
/// # }
/// ```
///
/// # Panics
///
/// When the variable is set and the folder is missing: somebody asked for the real thing.
pub fn assets(test: &str) -> Option<PathBuf> {
    let found = locate(test, std::env::var_os(VARIABLE).map(PathBuf::from));
    if found.is_none() {
        report(&skipped(test));
    }
    found
}

fn skipped(test: &str) -> String {
    format!("skipped: {test}: {VARIABLE} is not set")
}

fn locate(test: &str, folder: Option<PathBuf>) -> Option<PathBuf> {
    let folder = folder?;
    assert!(
        folder.is_dir(),
        "{test}: {VARIABLE} names {}, which is not a folder; unset it to skip this test",
        folder.display()
    );
    Some(folder)
}

#[expect(
    clippy::print_stdout,
    reason = "the line is how continuous integration counts skipped tests"
)]
fn report(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_is_a_skip_that_names_the_test() {
        assert_eq!(locate("reads text", None), None);
        assert_eq!(
            skipped("reads text"),
            "skipped: reads text: SWITCHYARD_ASSETS is not set"
        );
    }

    #[test]
    fn a_folder_that_is_there_is_returned() {
        let folder = std::env::temp_dir();
        assert_eq!(locate("reads text", Some(folder.clone())), Some(folder));
    }

    #[test]
    #[should_panic(expected = "which is not a folder")]
    fn a_folder_that_is_missing_is_a_failure() {
        locate("reads text", Some(PathBuf::from("no/such/folder")));
    }
}
