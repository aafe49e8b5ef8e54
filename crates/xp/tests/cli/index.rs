//! `index.html` of all results: written with them, in nobody's place, and whole after a kill.

use std::fs;

use crate::fixture::{Lab, QUICK};

#[test]
fn a_sweep_is_on_the_index_and_what_a_dead_writer_left_goes_with_the_next() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    lab.xp(&format!("sweep {file}")).expect(0);
    let index = lab.path().join("results/index.html");
    let page = fs::read_to_string(&index).unwrap();
    assert!(
        page.contains("href=\"quick&#x2f;base-cpu&#x2f;report.html\""),
        "{page}"
    );
    let left = lab.path().join("results/.index.html.tmp");
    fs::write(&left, "half").unwrap();
    fs::remove_file(&index).unwrap();
    lab.xp(&format!("sweep {file}"))
        .expect(0)
        .says(&["nothing to run"]);
    assert_eq!(fs::read_to_string(&index).unwrap(), page);
    assert!(!left.exists());
}

#[test]
fn a_page_of_somebody_else_stays() {
    let lab = Lab::new();
    let file = lab.file("quick.toml", QUICK);
    let index = lab.path().join("results/index.html");
    fs::create_dir_all(index.parent().unwrap()).unwrap();
    fs::write(&index, "my page").unwrap();
    lab.xp(&format!("sweep {file}"))
        .expect(0)
        .says(&["is no index of results and stays as it is"]);
    assert_eq!(fs::read_to_string(&index).unwrap(), "my page");
    // Elsewhere than in a folder of results none is begun.
    let copy = lab.path().join("site/data/copy");
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    let from = lab.results("quick", "base-cpu");
    runstore::copy_folder(&from, &copy).unwrap();
    lab.xp("figures site/data/copy").expect(0);
    assert!(!lab.path().join("site/index.html").exists());
}
