//! `docs/conventions.md`: what users of experiment tools look for, each with the command that shows it.

use crate::{
    fixture::{Lab, Ran},
    pages,
};

/// A row of the page's table.
struct Row {
    number: String,
    /// Whether it is here: `yes`, `partly` or `no`, with more about it.
    here: String,
    command: String,
    /// What the command says.
    shows: String,
    code: i32,
}

/// What stands in the first pair of backticks.
fn code_in(cell: &str) -> &str {
    cell.split('`').nth(1).unwrap_or_default()
}

fn rows(page: &str) -> Vec<Row> {
    let rows = pages::rows(page).skip(1).map(|cells| Row {
        number: cells[0].to_owned(),
        here: cells[2].to_owned(),
        command: code_in(cells[3]).to_owned(),
        shows: code_in(cells[4]).to_owned(),
        code: match cells[4].split_once("exit ") {
            Some((_, code)) => code.parse().expect("an exit code"),
            None => 0,
        },
    });
    rows.collect()
}

#[test]
fn every_command_of_the_page_shows_what_it_says() {
    let Some(page) = pages::read("docs/conventions.md") else {
        return;
    };
    let lab = Lab::new();
    pages::save_sweeps(&lab, &page);
    let mut faults = Vec::new();
    for row in rows(&page).iter().filter(|row| !row.command.is_empty()) {
        let words = shlex::split(&row.command).expect("a shell reads it");
        assert_eq!(words[0], "xp", "{}", row.number);
        let ran = Ran::of(lab.command(&words[1..]).output().expect("xp starts"));
        let said = ran.stdout.contains(&row.shows) || ran.stderr.contains(&row.shows);
        if ran.code != row.code || !said {
            faults.push(format!(
                "{}: `{}` ends with {} and not with {}, or does not say `{}`:\n{}{}",
                row.number, row.command, ran.code, row.code, row.shows, ran.stdout, ran.stderr
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_there_has_a_command_and_the_page_counts_it() {
    let Some(page) = pages::read("docs/conventions.md") else {
        return;
    };
    let rows = rows(&page);
    let count = |word: &str| rows.iter().filter(|row| row.here.starts_with(word)).count();
    assert_eq!(count("yes") + count("partly") + count("no"), 30);
    assert!(count("yes") >= 26, "{}", count("yes"));
    let counted = format!("{} of {} are there", count("yes"), rows.len());
    assert!(page.contains(&counted), "the page does not say: {counted}");
    let here = rows.iter().filter(|row| !row.here.starts_with("no"));
    for row in here {
        assert!(row.command.starts_with("xp "), "{}", row.number);
    }
}
