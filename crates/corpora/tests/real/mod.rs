//! The real texts, where `SWITCHYARD_ASSETS` names the folder that holds `datasets/`.

use std::{env, path::PathBuf};

use corpora::DataDir;

/// The data folder, or a printed line that says which test was skipped.
pub(crate) fn assets(test: &str) -> Option<DataDir> {
    let Some(assets) = env::var_os("SWITCHYARD_ASSETS") else {
        // The line belongs to the test's own output, where the run looks for it.
        #[expect(clippy::print_stdout, reason = "a skipped test is counted by its line")]
        {
            println!("skipped: {test}: SWITCHYARD_ASSETS is not set");
        }
        return None;
    };
    let data = DataDir::new(PathBuf::from(assets).join("datasets"));
    assert!(
        data.path.is_dir(),
        "SWITCHYARD_ASSETS names no folder with datasets/: {data:?}"
    );
    Some(data)
}
