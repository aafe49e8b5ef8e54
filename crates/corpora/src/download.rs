//! One file from the hub or from a plain address, to a place beside its target.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use hf_hub::{
    Repo, RepoType,
    api::{
        Progress,
        sync::{Api, ApiBuilder},
    },
};
use indicatif::ProgressBar;

use crate::manifest::{HubSource, RepoKind};

/// A complete file that does not have its name yet; it goes away unless it is placed.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    /// The hub's working folder, which goes with it.
    cache: Option<PathBuf>,
}

impl Part {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name in one step, after its bytes have reached the disk.
    pub(crate) fn place(self, target: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, target)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // What cannot be removed is only untidy: the next fetch writes over it.
        let _ = fs::remove_file(&self.path);
        if let Some(cache) = &self.cache {
            let _ = fs::remove_dir_all(cache);
        }
    }
}

/// Shows a download on a bar and remembers the size that the hub announced.
struct Meter {
    bar: ProgressBar,
    announced: Arc<AtomicU64>,
}

impl Progress for Meter {
    fn init(&mut self, size: usize, _: &str) {
        self.announced.store(size as u64, Ordering::Relaxed);
        self.bar.set_length(size as u64);
        self.bar.set_position(0);
    }

    fn update(&mut self, size: usize) {
        self.bar.inc(size as u64);
    }

    fn finish(&mut self) {}
}

fn repo(hub: &HubSource) -> Repo {
    let kind = match hub.kind {
        RepoKind::Dataset => RepoType::Dataset,
        RepoKind::Model => RepoType::Model,
    };
    Repo::with_revision(hub.repo.clone(), kind, hub.revision.clone())
}

/// The address of a hub file.
pub(crate) fn hub_url(endpoint: &str, hub: &HubSource) -> String {
    let repo = repo(hub);
    format!(
        "{endpoint}/{}/resolve/{}/{}",
        repo.url(),
        repo.url_revision(),
        hub.file
    )
}

fn api(endpoint: &str, cache: PathBuf) -> Result<Api, String> {
    // The data is public, so no token is sent, least of all to a mirror.
    ApiBuilder::new()
        .with_token(None)
        .with_endpoint(endpoint.to_owned())
        .with_cache_dir(cache)
        .with_progress(false)
        .build()
        .map_err(|error| error.to_string())
}

/// Fetches a hub file. What has arrived when the line breaks is kept and continued next time.
pub(crate) fn from_hub(
    endpoint: &str,
    hub: &HubSource,
    folder: &Path,
    bar: &ProgressBar,
) -> Result<Part, String> {
    // The hub's library links files with relative paths and needs an absolute folder for it.
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let cache = folder.join(".fetch");
    let announced = Arc::new(AtomicU64::new(0));
    let meter = Meter {
        bar: bar.clone(),
        announced: Arc::clone(&announced),
    };
    let pointer = api(endpoint, cache.clone())?
        .repo(repo(hub))
        .download_with_progress(&hub.file, meter)
        .map_err(|error| error.to_string())?;
    let path = fs::canonicalize(&pointer).map_err(|error| error.to_string())?;
    let part = Part {
        path,
        cache: Some(cache),
    };
    complete(part, Some(announced.load(Ordering::Relaxed)))
}

/// Fetches a plain address.
pub(crate) fn from_url(url: &str, target: &Path, bar: &ProgressBar) -> Result<Part, String> {
    let response = ureq::get(url)
        // A compressed body would have another length than the file.
        .header("Accept-Encoding", "identity")
        .call()
        .map_err(|error| error.to_string())?;
    let body = response.into_body();
    let announced = body.content_length();
    bar.set_length(announced.unwrap_or(0));
    bar.set_position(0);
    let name = target
        .file_name()
        .expect("the manifest names files")
        .to_string_lossy();
    let part = Part {
        path: target.with_file_name(format!(".{name}.part")),
        cache: None,
    };
    let mut file = File::create(&part.path).map_err(|error| error.to_string())?;
    io::copy(&mut bar.wrap_read(body.into_reader()), &mut file)
        .map_err(|error| error.to_string())?;
    complete(part, announced)
}

/// The part, if it has as many bytes as were announced.
fn complete(part: Part, announced: Option<u64>) -> Result<Part, String> {
    let bytes = fs::metadata(&part.path)
        .map_err(|error| error.to_string())?
        .len();
    match announced {
        Some(announced) if announced != bytes => Err(format!(
            "the server announced {announced} bytes and sent {bytes}"
        )),
        _ => Ok(part),
    }
}
