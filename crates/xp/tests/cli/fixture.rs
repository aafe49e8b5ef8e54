//! Runs of the real program in a folder of its own.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// Eight trials that are over in a moment.
pub(crate) const QUICK: &str = "name = 'quick'\nquestion = 'q'\njob = 'pack'\nseeds = [1, 2]\n\
    [pack]\ntokens = 64\nwidth = 8\niterations = 2\nwarmup = 1\n[moe]\nexperts = 4\n\
    [axes]\ncapacity-factor = [1.0, 1.5]\npacking = ['compact', 'fixed']\n";

/// A folder with the experiments that come with xp, and nothing else.
pub(crate) struct Lab {
    folder: TempDir,
}

/// What a run of the program gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let lab = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let target = lab.path().join("experiments");
        fs::create_dir(&target).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
        for entry in fs::read_dir(source).into_iter().flatten().flatten() {
            fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
        }
        lab
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a sweep file and gives its name relative to the folder.
    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.path().join(name), text).unwrap();
        name.to_owned()
    }

    pub(crate) fn command<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        // Elsewhere than where it was built, a test program is told where xp is.
        let xp =
            std::env::var_os("SWITCHYARD_XP").unwrap_or_else(|| env!("CARGO_BIN_EXE_xp").into());
        let mut command = Command::new(xp);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_remove("SWITCHYARD_ASSETS")
            .env_remove("RUST_LOG")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command line, split at spaces.
    pub(crate) fn xp(&self, line: &str) -> Ran {
        Ran::of(
            self.command(line.split_whitespace())
                .output()
                .expect("xp starts"),
        )
    }

    /// Starts a command line in a process group of its own.
    #[cfg(unix)]
    pub(crate) fn start(&self, line: &str) -> Child {
        use std::os::unix::process::CommandExt;
        self.command(line.split_whitespace())
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("xp starts")
    }

    /// The id of a trial of a sweep file that is in this state.
    #[track_caller]
    pub(crate) fn in_state(&self, file: &str, state: &str) -> String {
        let plan = self.xp(&format!("plan {file} --json")).expect(0).json();
        let mut trials = plan["trials"].as_array().expect("a list").iter();
        let found = trials.find(|trial| trial["state"] == state);
        let id = found.and_then(|trial| trial["id"].as_str());
        id.unwrap_or_else(|| panic!("no trial is {state}: {plan}"))
            .to_owned()
    }

    /// The only results folder of a sweep.
    pub(crate) fn results(&self, sweep: &str, variant: &str) -> PathBuf {
        self.path().join("results").join(sweep).join(variant)
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails with everything that was written unless the code is this one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(
            self.code, code,
            "\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        );
        self
    }

    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            let Self { stdout, stderr, .. } = &self;
            let found = stdout.contains(part) || stderr.contains(part);
            assert!(
                found,
                "`{part}` is nowhere in\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
            );
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("stdout is JSON")
    }
}
