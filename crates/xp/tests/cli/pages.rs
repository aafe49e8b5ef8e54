//! What the pages say of sweeps, commands and claims is what the program does.

use std::{fs, path::Path};

use crate::{
    claims::committed,
    fixture::{Lab, Ran},
};

/// A page of the source; nothing where the tests stand elsewhere than where they were built.
pub(crate) fn read(name: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).ok()
}

/// The texts of its code blocks in one language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    let behind = page.split(&opening).skip(1);
    behind
        .filter_map(|rest| rest.split("\n```").next())
        .collect()
}

/// Saves the sweep files of a page where its reader does.
pub(crate) fn save_sweeps(lab: &Lab, page: &str) {
    for text in blocks(page, "toml") {
        let named = text.lines().find(|line| line.starts_with("name "));
        if let Some(name) = named.and_then(|line| line.split('"').nth(1)) {
            lab.file(&format!("experiments/{name}.toml"), text);
        }
    }
}

/// The cells of the rows of a page's tables, without the lines that head them.
pub(crate) fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

/// Text as one line, whatever the terminal wrapped.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn sweeps_have_the_trials_that_their_pages_tell() {
    let plans = [
        ("README.md", "plan mine", "6 trials"),
        // The README compares it with another by its id.
        ("README.md", "plan mine", "9a12b4d5099f"),
        ("docs/sweep-files.md", "plan mine", "24 trials"),
        ("docs/sweep-files.md", "plan mine --scale smoke", "4 trials"),
    ];
    for (page, plan, says) in plans {
        let Some(page) = read(page) else { return };
        let lab = Lab::new();
        save_sweeps(&lab, &page);
        lab.xp(plan).expect(0).says(&[says]);
    }
}

#[test]
fn every_command_is_on_the_page_of_commands() {
    let Some(page) = read("docs/commands.md") else {
        return;
    };
    let Ran { stdout: help, .. } = Lab::new().xp("--help").expect(0);
    let (_, list) = help.split_once("Commands:\n").expect("commands");
    let list = list.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = list
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.contains(&"sweep"), "{names:?}");
    for name in names {
        assert!(page.contains(&format!("`xp {name}")), "no `xp {name}`");
    }
}

#[test]
fn the_ledger_says_what_the_pages_quote_of_it() {
    let (Some(readme), Some(page)) = (read("README.md"), read("docs/claims.md")) else {
        return;
    };
    let lab = Lab::new();
    let ledger = committed(&lab, "").expect(0).stdout;
    let quoted: Vec<&str> = blocks(&page, "text")[0].lines().collect();
    for line in &quoted {
        assert!(ledger.contains(line), "`{line}` is not in\n{ledger}");
    }
    assert!(
        readme.contains(quoted[0]),
        "{} is not in the README",
        quoted[0]
    );
    for row in rows(&page).skip(1) {
        let (id, here) = (row[0], row[3]);
        let claim = unwrapped(&committed(&lab, &format!("--id {id}")).expect(0).stdout);
        assert!(claim.contains(here), "{id}: `{here}` is not in\n{claim}");
    }
}
