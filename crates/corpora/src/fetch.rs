//! Bringing files into the data folder.

use std::{
    borrow::Cow,
    fs::{self, File},
    path::Path,
};

use indicatif::ProgressBar;

use crate::{
    CorpusError,
    address::{self, Address},
    client::{Client, Patience},
    data_dir::DataDir,
    digest::Digest,
    download::{Download, Failure},
    manifest::{Entry, FileEntry, Manifest, Source},
    part::Part,
    plausible, record,
    repository::{self, MOST_LISTED},
};

/// Whether data that is not there may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchPolicy {
    /// Missing data is an error.
    Never,
    /// Missing data is fetched first; data that is there is never replaced.
    IfMissing,
}

/// What became of one file of a fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The file.
    pub digest: Digest,
    /// Whether it was there before.
    pub was_present: bool,
    /// The known edition that its content is; without one, nobody has said what it should be.
    pub edition: Option<String>,
}

/// Fetches what a manifest describes from a hub.
#[derive(Debug, Clone)]
pub struct Fetcher {
    pub(crate) manifest: Manifest,
    endpoint: String,
    patience: Patience,
    plain_http: bool,
}

impl Fetcher {
    /// The committed manifest and the public hub, or the mirror that `HF_ENDPOINT` names.
    pub fn from_env() -> Self {
        // Text that is not Unicode is no address, and refused as such when it is asked.
        let endpoint = std::env::var_os("HF_ENDPOINT")
            .map(|endpoint| endpoint.to_string_lossy().into_owned())
            .filter(|endpoint| !endpoint.is_empty());
        let endpoint = endpoint.unwrap_or_else(|| "https://huggingface.co".to_owned());
        Self::new(Manifest::embedded().clone(), &endpoint)
    }

    /// A manifest and a hub of one's own.
    pub fn new(manifest: Manifest, endpoint: &str) -> Self {
        Self {
            manifest,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            patience: Patience::default(),
            plain_http: false,
        }
    }

    /// Waits as long as this for a server.
    #[must_use]
    pub fn patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Whether plain http is taken from other machines. It is taken from this one (`localhost`,
    /// `127.0.0.1`, `[::1]`) in any case.
    #[must_use]
    pub fn plain_http(self, plain_http: bool) -> Self {
        Self { plain_http, ..self }
    }

    /// Fetches the files of an entry that are not there. What is built in needs none.
    ///
    /// A file appears under its name only when it is complete, can be what its name says, and has
    /// the digest that the manifest records, where it records one; the digest is then written down
    /// beside it. A download that stopped goes on where it stopped. Two processes that fetch the
    /// same entry take turns.
    ///
    /// The name may be that of a model on the hub, OWNER/NAME: all files of one commit, of the sizes and, where they are
    /// large, the digests that the hub announces.
    ///
    /// # Errors
    ///
    /// For an unknown name, an entry without a source, an endpoint that may not be asked, a server
    /// that does not send the file, a content that is not the recorded one, and a folder that
    /// cannot be written. Files that arrived before stay.
    pub fn fetch(
        &self,
        name: &str,
        data: &DataDir,
        bar: &ProgressBar,
    ) -> Result<Vec<Fetched>, CorpusError> {
        let entry = match self.manifest.entry(name) {
            Ok(entry) => Cow::Borrowed(entry),
            Err(_) if repository::is_repository(name) => Cow::Owned(self.listed(name)?),
            Err(unknown) => return Err(unknown),
        };
        let files = entry.files.iter();
        files
            .map(|file| self.fetch_file(&entry, file, data, bar))
            .collect()
    }

    /// What the hub lists of a model's repository.
    fn listed(&self, repo: &str) -> Result<Entry, CorpusError> {
        let url = repository::url(&self.endpoint, repo);
        let address = self.allowed(&self.endpoint, "HF_ENDPOINT", &url)?;
        let list = Client::new(self.patience, self.plain_http).text(&address, MOST_LISTED);
        list.and_then(|list| repository::entry(repo, &list))
            .map_err(|reason| CorpusError::Listing {
                repo: repo.to_owned(),
                url,
                reason,
            })
    }

    fn fetch_file(
        &self,
        entry: &Entry,
        file: &FileEntry,
        data: &DataDir,
        bar: &ProgressBar,
    ) -> Result<Fetched, CorpusError> {
        if let Some(present) = present(file, data)? {
            return Ok(present);
        }
        let source = file.source.as_ref().ok_or_else(|| CorpusError::NoSource {
            name: entry.name.clone(),
            file: file.names(),
            folder: data.path.clone(),
        })?;
        let address = self.address(source)?;
        let target = data.file(file.target());
        let folder = target
            .parent()
            .expect("a file below the data folder has a parent");
        fs::create_dir_all(folder).map_err(|source| CorpusError::Write {
            path: folder.to_owned(),
            source,
        })?;
        let _turn = take_turn(folder)?;
        if let Some(present) = present(file, data)? {
            return Ok(present);
        }

        tracing::info!(entry = entry.name, %address, "fetching");
        let download = Download {
            client: &Client::new(self.patience, self.plain_http),
            address: &address,
            target: &target,
            bytes: file.bytes(),
            bar,
        };
        let unwritable = |source| CorpusError::Write {
            path: target.clone(),
            source,
        };
        let refused = |reason| CorpusError::Download {
            name: entry.name.clone(),
            url: address.to_string(),
            place: target.clone(),
            reason,
            kept: Part::of(&target).bytes(),
            from_hub: source.is_hub(),
        };
        let part = download.run().map_err(|failure| match failure {
            Failure::Server(reason) => refused(reason),
            Failure::Disk(source) => unwritable(source),
        })?;
        let digest = digest(file, source, &address, part.path());
        let odd = plausible::implausible(file.target(), part.path()).map_err(unwritable)?;
        if digest.is_err() || odd.is_some() {
            part.discard().map_err(unwritable)?;
        }
        if let Some(odd) = odd {
            return Err(refused(odd));
        }
        let digest = digest?;
        // Written down first: a fetch that is killed here leaves no file that nothing is known of.
        record::write(&data.file(&digest.file), &digest, &address.to_string())?;
        part.place(&target).map_err(unwritable)?;
        // Unfinished downloads of earlier versions of the program; it is only untidy if they stay.
        let _ = fs::remove_dir_all(folder.join(".fetch"));
        Ok(Fetched::new(file, digest, false))
    }

    /// The address of a file, if it may be asked.
    fn address(&self, source: &Source) -> Result<Address, CorpusError> {
        let (text, named_by) = match source {
            // The path is the manifest's, so what is wrong with the whole is wrong with this part.
            Source::Hub(_) => (&self.endpoint, "HF_ENDPOINT"),
            Source::Url(url) => (url, "an address of the manifest"),
        };
        self.allowed(text, named_by, &source.url(&self.endpoint))
    }

    /// An address that begins with one that a person may have named, if that may be asked.
    fn allowed(
        &self,
        named: &str,
        named_by: &'static str,
        url: &str,
    ) -> Result<Address, CorpusError> {
        Address::parse(named)
            .and_then(|address| address.allow(self.plain_http))
            .and_then(|_| Address::parse(url))
            .map_err(|reason| CorpusError::Endpoint {
                named_by,
                // Without what may be a password.
                address: named.rsplit('@').next().unwrap_or_default().to_owned(),
                reason,
            })
    }
}

impl Source {
    /// Whether it is a file of the hub, which has mirrors.
    const fn is_hub(&self) -> bool {
        matches!(self, Self::Hub(_))
    }

    /// The full address of the file.
    pub(crate) fn url(&self, endpoint: &str) -> String {
        match self {
            Self::Hub(hub) => address::hub_url(endpoint, hub),
            Self::Url(url) => url.clone(),
        }
    }
}

/// Waits for other processes that write to this folder; the lock goes with the value.
fn take_turn(folder: &Path) -> Result<File, CorpusError> {
    let path = folder.join(".fetch.lock");
    File::create(&path)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|source| CorpusError::Write { path, source })
}

impl Fetched {
    fn new(file: &FileEntry, digest: Digest, was_present: bool) -> Self {
        let edition = file.edition(&digest).map(|edition| edition.name.clone());
        Self {
            digest,
            was_present,
            edition,
        }
    }
}

/// A file that is there, under whichever of its names.
fn present(file: &FileEntry, data: &DataDir) -> Result<Option<Fetched>, CorpusError> {
    let Some(present) = data.find(file) else {
        return Ok(None);
    };
    Ok(Some(Fetched::new(file, data.digest(&present)?, true)))
}

/// The digest of what came, if it is what the manifest expects.
fn digest(
    file: &FileEntry,
    from: &Source,
    address: &Address,
    part: &Path,
) -> Result<Digest, CorpusError> {
    let unreadable = |source| CorpusError::Read {
        path: part.to_owned(),
        source,
    };
    let digest = Digest::of_file(file.target(), part).map_err(unreadable)?;
    let announced = file.announced.as_ref();
    if let Some(expected) = announced.and_then(|announced| announced.sha256.as_ref()) {
        let got = repository::sha256(part).map_err(unreadable)?;
        if got != *expected {
            return Err(CorpusError::DigestMismatch {
                file: file.target().to_owned(),
                url: address.to_string(),
                expected: expected.clone(),
                got,
                from_hub: from.is_hub(),
            });
        }
    }
    match file.served() {
        Some(edition) if edition.blake3 != digest.blake3 => Err(CorpusError::DigestMismatch {
            file: file.target().to_owned(),
            url: address.to_string(),
            expected: edition.blake3.clone(),
            got: digest.blake3,
            from_hub: from.is_hub(),
        }),
        _ => Ok(digest),
    }
}
