//! Which program ran on which machine.

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::durable;
use crate::tables::TrialRow;

/// The lock file that this program was built with.
const CARGO_LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"));

/// What a program was built from, known since then: the checkout may have moved on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Built {
    /// The commit of the source; `None` outside a checkout.
    pub commit: Option<&'static str>,
    /// Whether `crates`, `Cargo.toml` or `Cargo.lock` differed from it.
    pub dirty: bool,
}

/// Which program ran on which machine; what cannot be found out is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Version of `xp`.
    pub xp_version: String,
    /// Commit of the source that it was built from; `None` outside a checkout.
    pub git_sha: Option<String>,
    /// Whether `crates`, `Cargo.toml` or `Cargo.lock` differed from that commit when the program was
    /// built. Results do not count: a sweep changes them itself.
    pub git_dirty: Option<bool>,
    /// BLAKE3 digest of the `Cargo.lock` that it was built with.
    pub cargo_lock: String,
    /// Compiler that built it.
    pub rustc: Option<String>,
    /// Version of Burn.
    pub burn_version: Option<String>,
    /// First 8 digits of the BLAKE3 digest of the machine's name. It tells two machines apart in
    /// committed files without naming them; it is no secret: who knows the name can check it.
    pub host: String,
    /// The processor's name.
    pub cpu_model: Option<String>,
    /// Logical processors.
    pub cores: Option<u64>,
    /// Main memory.
    pub memory_bytes: Option<u64>,
    /// The operating system and its version.
    pub os: Option<String>,
}

impl Provenance {
    /// Asks the system; of the source it knows what the program was told when it was built.
    pub fn gather(built: Built) -> Self {
        let system = System::new_with_specifics(
            RefreshKind::nothing()
                .with_cpu(CpuRefreshKind::nothing())
                .with_memory(MemoryRefreshKind::nothing().with_ram()),
        )
        .ok();
        let cpu_model = system
            .as_ref()
            .and_then(|system| system.cpus().first())
            .map(|cpu| cpu.brand().trim().to_owned())
            .filter(|name| !name.is_empty());
        Self {
            xp_version: env!("CARGO_PKG_VERSION").to_owned(),
            git_sha: built.commit.map(str::to_owned),
            git_dirty: built.commit.map(|_| built.dirty),
            cargo_lock: durable::digest(CARGO_LOCK.as_bytes()),
            rustc: option_env!("SWITCHYARD_RUSTC").map(str::to_owned),
            burn_version: locked_version(CARGO_LOCK, "burn"),
            host: host_digest(&System::host_name().unwrap_or_default()),
            cpu_model: cpu_model.or_else(|| proc_field("/proc/cpuinfo", "model name")),
            cores: std::thread::available_parallelism()
                .ok()
                .map(|n| n.get() as u64),
            memory_bytes: system
                .map(|system| system.total_memory())
                .filter(|bytes| *bytes > 0),
            os: System::long_os_version()
                .ok()
                .filter(|name| !name.is_empty()),
        }
    }

    /// Writes what a trial's row records of it.
    pub fn stamp(&self, row: &mut TrialRow) {
        row.host.clone_from(&self.host);
        row.xp_version.clone_from(&self.xp_version);
        row.git_sha.clone_from(&self.git_sha);
        row.git_dirty = self.git_dirty;
        row.rustc.clone_from(&self.rustc);
        row.burn_version.clone_from(&self.burn_version);
        row.cpu_model.clone_from(&self.cpu_model);
        row.cores = self.cores;
    }
}

/// The time now, UTC, RFC 3339 with whole seconds: such texts sort by time.
pub fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// The largest resident memory that this process has had, where the system says it.
pub fn peak_memory_bytes() -> Option<u64> {
    let text = proc_field("/proc/self/status", "VmHWM")?;
    let kibibytes: u64 = text.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The value of a `name: value` line.
fn proc_field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

fn host_digest(name: &str) -> String {
    let mut digits = durable::digest(format!("switchyard host {name}").as_bytes());
    digits.truncate(8);
    digits
}

/// The version of a package in the text of a `Cargo.lock`.
fn locked_version(lock: &str, package: &str) -> Option<String> {
    let entry = lock.split("[[package]]").find(|entry| {
        entry
            .lines()
            .any(|line| line == format!("name = \"{package}\""))
    })?;
    let version = entry
        .lines()
        .find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burn_is_found_in_the_lock_file() {
        let lock = "[[package]]\nname = \"burn-core\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"burn\"\nversion = \"0.22.1\"\n";
        assert_eq!(locked_version(lock, "burn").as_deref(), Some("0.22.1"));
        assert_eq!(locked_version(lock, "flame"), None);
        assert_eq!(
            locked_version(CARGO_LOCK, "burn").as_deref(),
            Some("0.22.1")
        );
    }

    #[test]
    fn a_machine_is_told_apart_without_its_name() {
        let digest = host_digest("lab-7.example.org");
        assert_eq!(digest.len(), 8);
        assert_ne!(digest, host_digest("lab-8.example.org"));
    }

    #[test]
    fn gathered_facts_reach_the_row() {
        let built = Built {
            commit: Some("0123abc"),
            dirty: true,
        };
        let facts = Provenance::gather(built);
        assert_eq!(facts.git_sha.as_deref(), Some("0123abc"));
        assert_eq!(Provenance::gather(Built::default()).git_dirty, None);
        let mut row = TrialRow::default();
        facts.stamp(&mut row);
        assert_eq!(row.xp_version, env!("CARGO_PKG_VERSION"));
        assert_eq!(row.host.len(), 8);
        assert_eq!(
            (row.git_sha.as_deref(), row.git_dirty),
            (Some("0123abc"), Some(true))
        );
        assert!(
            row.rustc
                .is_some_and(|version| version.starts_with("rustc "))
        );
        assert!(row.cores.is_some_and(|cores| cores > 0));
    }

    #[test]
    fn times_are_whole_seconds_in_utc() {
        let text = now();
        assert_eq!(text.len(), "2025-01-01T00:00:00Z".len());
        assert!(text.ends_with('Z'));
        assert!(text.parse::<jiff::Timestamp>().is_ok());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn peak_memory_is_more_than_what_was_just_used() {
        let block = vec![1_u8; 16 << 20];
        assert!(peak_memory_bytes().is_some_and(|bytes| bytes > 8 << 20));
        assert_eq!(block[block.len() - 1], 1);
    }
}
