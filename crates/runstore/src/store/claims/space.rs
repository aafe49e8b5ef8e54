//! Whether a process on this machine still runs.

use std::fs;

/// What names a process for as long as this machine is up.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// When it began, in ticks since the machine did: numbers are given out again.
    began: Option<u64>,
    /// The boot and the namespace in which the number means something; `None` where the system tells neither.
    space: Option<String>,
}

impl Process {
    /// The one that asks.
    pub(super) fn own() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            began: began(pid),
            space: space(),
        }
    }

    /// Whether it runs; `None` where that cannot be known from here.
    pub(super) fn lives(&self) -> Option<bool> {
        let here = space().filter(|here| self.space.as_ref() == Some(here));
        here.map(|_| self.began.is_some() && began(self.pid) == self.began)
    }
}

fn space() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let numbers = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), numbers.display()))
}

/// Field 22 of `/proc/<pid>/stat`, counted behind the name, which may hold anything. A process that ended and was
/// not yet waited for counts as ended.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let ended = matches!(state, "Z" | "X" | "x");
    (!ended).then(|| fields.nth(18)?.parse().ok()).flatten()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_until_it_ends_and_its_number_alone_does_not_name_it() {
        let own = Process::own();
        assert_eq!(own.lives(), Some(true));
        let earlier = Process {
            began: Some(1),
            ..own.clone()
        };
        assert_eq!(earlier.lives(), Some(false));
        let elsewhere = Process {
            space: Some("another machine".to_owned()),
            ..own
        };
        assert_eq!(elsewhere.lives(), None);

        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let process = Process {
            pid: child.id(),
            began: began(child.id()),
            space: space(),
        };
        assert_eq!(process.lives(), Some(true));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(process.lives(), Some(false));
    }
}
