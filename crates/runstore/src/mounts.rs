//! Whether a folder is on a file system that other machines may have too.

use std::fs;
use std::path::Path;

/// Their types in the list of mounts, of those of FUSE what stands before the dot.
const SHARED: [&str; 20] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "panfs",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
    "wekafs",
];

/// Whether other machines may have a folder. Only Linux tells; elsewhere the answer is no.
pub(crate) fn is_shared(folder: &Path) -> bool {
    let (Ok(folder), Ok(mounts)) = (
        folder.canonicalize(),
        fs::read_to_string("/proc/self/mountinfo"),
    ) else {
        return false;
    };
    file_system(&mounts, &folder).is_some_and(|name| {
        let family = name.split('.').next().unwrap_or(name);
        SHARED.contains(&family)
    })
}

/// The type of the file system that a path is on, by the text of `/proc/self/mountinfo`.
fn file_system<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mount = |line: &'a str| {
        let (places, types) = line.split_once(" - ")?;
        let place = unescaped(places.split(' ').nth(4)?);
        let inside = path.starts_with(&place);
        inside.then_some((place.len(), types.split(' ').next()?))
    };
    // Of mounts on one place the last hides the others.
    let found = mounts.lines().filter_map(mount);
    found.max_by_key(|(length, _)| *length).map(|found| found.1)
}

/// A path of `mountinfo`, which has a blank as `\040`.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3);
        if let Some(code) = code.and_then(|code| u8::from_str_radix(code, 8).ok()) {
            path.push(char::from(code));
            path.push_str(&part[3..]);
        } else {
            path.push('\\');
            path.push_str(part);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts_and_of_two_on_one_place_the_last() {
        let mounts = "\
            27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
            28 27 0:40 / /home rw - nfs4 server:/home rw,vers=4.2\n\
            29 28 0:41 / /home/my\\040data rw master:1 - fuse.sshfs box:/ rw\n\
            30 27 0:42 / /scratch rw - nfs server:/a rw\n\
            31 27 0:43 / /scratch rw - xfs /dev/vdb rw\n";
        let on = |path: &str| file_system(mounts, Path::new(path));
        assert_eq!(on("/work"), Some("ext4"));
        assert_eq!(on("/homes"), Some("ext4"));
        assert_eq!(on("/home/a/.xp"), Some("nfs4"));
        assert_eq!(on("/home/my data/x"), Some("fuse.sshfs"));
        assert_eq!(on("/scratch/a"), Some("xfs"));
    }
}
