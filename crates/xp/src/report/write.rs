//! Figures and page on disk.

use std::fs;
use std::path::{Path, PathBuf};

use runstore::{Collected, Manifest};

use super::{cells::summary, figures::draw_all, html};

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReportError {
    /// A file or folder could not be written.
    #[error("write {path}: {source}; check that the folder may be written and the disk is not full", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// The page's template asks for something that it is not given.
    #[error("fill in the report's template: {0}")]
    Template(#[from] minijinja::Error),
}

/// The files of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReportFiles {
    /// `report.html`.
    pub(crate) html: PathBuf,
    /// The figures, in the order of the page.
    pub(crate) figures: Vec<PathBuf>,
}

/// Writes `figures/*.svg` and `report.html` into a results folder.
///
/// Equal tables and an equal manifest give equal bytes. A figure of an earlier report for which there are no data any
/// more is removed, so that the folder never shows what the tables do not say.
///
/// # Errors
///
/// When a file cannot be written.
pub(crate) fn write(
    collected: &Collected,
    manifest: &Manifest,
    out_dir: &Path,
) -> Result<ReportFiles, ReportError> {
    let cells = summary(collected);
    let (figures, absent) = draw_all(collected, &cells);
    let page = html::render(collected, manifest, &cells, &figures, &absent)?;

    let folder = out_dir.join("figures");
    fs::create_dir_all(&folder).map_err(|source| ReportError::Write {
        path: folder.clone(),
        source,
    })?;
    let mut files = ReportFiles {
        html: out_dir.join("report.html"),
        figures: Vec::new(),
    };
    for figure in &figures {
        let path = folder.join(figure.file);
        replace(&path, &figure.svg)?;
        files.figures.push(path);
    }
    for figure in &absent {
        let path = folder.join(figure.file);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(ReportError::Write { path, source });
            }
            _ => {}
        }
    }
    replace(&files.html, &page)?;
    Ok(files)
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn replace(path: &Path, text: &str) -> Result<(), ReportError> {
    let failed = |source| ReportError::Write {
        path: path.to_owned(),
        source,
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = path.with_file_name(name);
    fs::write(&partial, text).map_err(failed)?;
    fs::rename(&partial, path).map_err(failed)
}
