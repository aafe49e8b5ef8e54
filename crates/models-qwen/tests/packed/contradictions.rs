//! Settings that say another thing than the words.

use serde_json::json;
use testkit::assets;

use crate::trained::{TWO_GROUPS, Trained, whole};

/// A model that is not symmetric has zeros of many numbers: those of one number, one off from 8, are words
/// of the other version of the format.
#[test]
fn zeros_of_the_other_version_are_refused_where_the_settings_are_not_symmetric_too() {
    let name = "zeros_of_the_other_version_are_refused_where_the_settings_are_not_symmetric_too";
    let Some(assets) = assets(name) else {
        return;
    };
    let mut trained = Trained::read(&assets);
    trained.settings()["sym"] = json!(false);
    // Sevens of the first version are the zeros of 8 that they are.
    trained.is_the_references();
    trained.settings()["checkpoint_format"] = json!("gptq_v2");
    trained.refused(&[
        "qzeros",
        "zeros of 7",
        "`checkpoint_format`",
        "`sym`",
        "gptq",
    ]);
    trained.words(".qzeros", |_| 0x8888_8888);
    trained.is_the_references();
    trained.settings()["checkpoint_format"] = json!("gptq");
    trained.refused(&["qzeros", "zeros of 9", "`checkpoint_format`", "gptq_v2"]);
    // Those of a model that is not symmetric are of many numbers, and of either version.
    trained.words(".qzeros", |_| 0x8888_8878);
    assert!(trained.load().is_ok());
}

#[test]
fn groups_of_neighbours_are_those_of_the_settings() {
    let Some(assets) = assets("groups_of_neighbours_are_those_of_the_settings") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let name = format!("{TWO_GROUPS}.g_idx");
    // Two groups all the same, and their border is elsewhere.
    trained.settings()["group_size"] = json!(200);
    trained.refused(&[
        "g_idx",
        "input 128",
        "group 1",
        "in group 0",
        "`group_size` is 200",
    ]);
    trained.settings()["group_size"] = json!(128);
    let turned: Vec<i32> = (0..256).map(|input| 1 - input / 128).collect();
    trained.set(name.clone(), whole(&turned, &[256]));
    trained.refused(&[&name, "input 0 into group 1", "`desc_act`", "group_size"]);
    trained.settings()["desc_act"] = json!(true);
    assert!(trained.load().is_ok());
}

#[test]
fn missing_words_are_told_as_such() {
    let Some(assets) = assets("missing_words_are_told_as_such") else {
        return;
    };
    let mut trained = Trained::read(&assets);
    let name = format!("{TWO_GROUPS}.qweight");
    trained.tensors.remove(&name).expect("words");
    trained.refused(&[&format!("`{name}` [32, 128] is missing")]);
    let said = trained.load().map(|_| ()).expect_err("refused").to_string();
    assert!(!said.contains("belongs to no part"), "{said}");
}
