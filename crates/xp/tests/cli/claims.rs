//! `xp claims`: the ledger over the committed results, and what is wrong with a file of claims.

use std::{fs, path::Path};

use serde_json::Value;

use crate::fixture::{Lab, Ran};

/// Asks the results that come with the source.
pub(crate) fn committed(lab: &Lab, rest: &str) -> Ran {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let output = lab
        .command(["claims", "--results"])
        .arg(results)
        .args(rest.split_whitespace())
        .output();
    Ran::of(output.expect("xp starts"))
}

#[test]
fn the_ledger_has_a_line_a_claim_and_fits_a_terminal() {
    let lab = Lab::new();
    let ran = committed(&lab, "").expect(0);
    let text = ran.stdout.clone();
    let json = committed(&lab, "--json").expect(0).json();
    let claims = json["claims"].as_array().expect("claims");
    assert!(claims.len() >= 30, "{}", claims.len());
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("CLAIM "), "{}", lines[0]);
    for (line, claim) in lines[1..].iter().zip(claims) {
        let id = claim["id"].as_str().unwrap_or_default();
        assert!(line.starts_with(id), "{id}: {line}");
    }
    let long = lines.iter().find(|line| line.chars().count() > 80);
    assert_eq!(long, None);
    let counted = format!("{} claims at cpu: ", claims.len());
    ran.says(&[&counted, " hold, ", " undecided."]);
}

#[test]
fn every_claim_says_what_it_used_or_what_it_wants() {
    let lab = Lab::new();
    let json = committed(&lab, "--json").expect(0).json();
    for claim in json["claims"].as_array().expect("claims") {
        let wants = claim["want"].as_str().unwrap_or_default();
        let (used, command) = (&claim["used"], &claim["command"]);
        if claim["verdict"] == "undecided" {
            assert!(claim["reason"].is_string(), "{claim}");
            assert_eq!(
                command.is_string(),
                !["certainty", "query"].contains(&wants),
                "{claim}"
            );
            assert_ne!(wants, "query", "{claim}");
        } else {
            let has = |name: &str| used[0][name].as_array().is_some_and(|own| !own.is_empty());
            assert!(has("cells") && has("commits"), "{claim}");
            assert!(claim["effect"]["n"].as_u64() >= Some(3), "{claim}");
        }
    }
    // A count is decided by its value.
    let linear = json["claims"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|own| own["id"] == "n.1");
    let linear = linear.expect("the count of the linear router");
    assert_eq!(
        (&linear["verdict"], &linear["effect"]["value"]),
        (&Value::from("holds"), &Value::from(6144.0))
    );
}

#[test]
fn a_claim_is_shown_in_full_by_its_id() {
    let lab = Lab::new();
    let ran = committed(&lab, "--id n.1 t.4").expect(0);
    ran.says(&[
        "n.1  holds  (as described)",
        "Optimizing MoE Routers, Table I",
        "routers-random/cpu-cpu",
        "t.4  undecided  (as published)",
        "needs the full Qwen1.5-MoE",
        "--scale paper --device cuda:0",
    ]);
    // A letter is all of its claims, and none of another letter's.
    let ids = |rest: &str| {
        let json = committed(&lab, &format!("{rest} --json")).expect(0).json();
        let claims = json["claims"].as_array().into_iter().flatten();
        claims
            .map(|own| own["id"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("--id w"), ["w.1", "w.2"]);
    assert!(ids("--id m").iter().all(|id| id.starts_with("m.")));
    committed(&lab, "--id zz")
        .expect(4)
        .says(&["no claim is called zz", "a.1"]);
    committed(&lab, "--markdown --id n")
        .expect(0)
        .says(&["| id | claim |", "| n.1 |"]);
}

#[test]
fn mistakes_have_codes_lines_and_remedies() {
    let lab = Lab::new();
    lab.xp("claims")
        .expect(4)
        .says(&["holds no results", "xp sweep unified"]);
    let file = lab.path().join("experiments/claims.toml");
    let text = fs::read_to_string(&file).unwrap();
    let wrong = [
        (
            "measure   = \"perplexity_train_capacity\"",
            "measure   = \"perplexity_train_capasity\"",
            "did you mean `perplexity_train_capacity`?",
        ),
        (
            "test.about-equal",
            "test.about-equals",
            "did you mean `about-equal`?",
        ),
        (
            "each      = [\"capacity_factor\"]",
            "each      = [\"capacity-factor\"]",
            "did you mean `capacity_factor`?",
        ),
        ("id        = \"a.1\"", "id        = \"a.1", "claims.toml:"),
    ];
    for (from, to, says) in wrong {
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        let ran = committed(&lab, "").expect(2);
        ran.says(&["claims.toml:", says]);
    }
    fs::remove_file(&file).unwrap();
    committed(&lab, "")
        .expect(2)
        .says(&["claims.toml", "--experiments"]);
}

#[test]
fn damaged_results_are_told() {
    let lab = Lab::new();
    let folder = lab.results("unified", "cpu-cpu");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("trials.parquet"), "no table").unwrap();
    lab.xp("claims").expect(7).says(&["trials.parquet"]);
}

#[test]
fn the_file_of_claims_is_no_sweep() {
    let lab = Lab::new();
    let ran = lab.xp("plan zzzz").expect(2);
    assert!(
        ran.stderr.contains("unified") && !ran.stderr.contains("claims"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_page_of_claims_stands_beside_the_index_and_is_the_same_wherever_it_stands() {
    let lab = Lab::new();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let mut pages = Vec::new();
    for root in ["results", "elsewhere/results"] {
        let folder = lab.path().join(root).join("unified/cpu-cpu");
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(committed.join("unified/cpu-cpu")).unwrap() {
            let file = file.unwrap();
            if file.path().is_file() {
                fs::copy(file.path(), folder.join(file.file_name())).unwrap();
            }
        }
        let ran = lab.xp(&format!("claims --page --results {root}")).expect(0);
        assert!(ran.stdout.contains("claims.html"), "{}", ran.stdout);
        let page = lab.path().join(root).join("claims.html");
        pages.push(fs::read_to_string(page).unwrap());
    }
    let index = fs::read_to_string(lab.path().join("results/index.html")).unwrap();
    assert!(index.contains("<a href=\"claims.html\">"));
    assert_eq!(pages[0], pages[1]);
    assert!(
        pages[0].contains("soft top-k &lt; hash") && pages[0].contains("unified&#x2f;cpu-cpu, ")
    );
    // A page of somebody else stays.
    let theirs = lab.path().join("results/claims.html");
    fs::write(&theirs, "mine").unwrap();
    lab.xp("claims --page").expect(0).says(&["stays as it is"]);
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "mine");
    lab.xp("claims --page --json").expect(2);
}
