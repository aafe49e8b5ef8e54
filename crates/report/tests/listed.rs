//! `experiments/README.md` lists every figure, and the files that it links are there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The section about figures.
fn section() -> String {
    let text = fs::read_to_string(root().join("experiments/README.md")).expect("the README");
    let (_, rest) = text
        .split_once("\n## Figures\n")
        .expect("a section Figures");
    rest.split("\n## ").next().unwrap_or_default().to_owned()
}

/// Every path of a figure in the section with whether it is a link: `../results/` is, and `results/` is not.
fn paths(section: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for (start, _) in section.match_indices("results/") {
        let path: String = section[start..]
            .chars()
            .take_while(|character| !")`".contains(*character))
            .collect();
        if Path::new(&path)
            .extension()
            .is_some_and(|kind| kind == "svg")
        {
            found.push((path, section[..start].ends_with("(../")));
        }
    }
    found
}

#[test]
fn every_figure_is_listed() {
    let section = section();
    let missing: Vec<&str> = report::figure_files()
        .into_iter()
        .filter(|file| !section.contains(file))
        .collect();
    assert!(
        missing.is_empty(),
        "experiments/README.md lacks {missing:?}"
    );
}

#[test]
fn what_is_listed_is_a_figure_and_what_is_linked_is_committed() {
    let known: BTreeSet<&str> = report::figure_files().into_iter().collect();
    let paths = paths(&section());
    // Those of both sources.
    assert!(paths.len() >= 23, "{paths:?}");
    for (path, is_link) in paths {
        let file = Path::new(&path).file_name().and_then(|name| name.to_str());
        assert!(file.is_some_and(|file| known.contains(file)), "{path}");
        // Results that come later make a link of their line.
        assert_eq!(root().join(&path).is_file(), is_link, "{path}");
    }
}
