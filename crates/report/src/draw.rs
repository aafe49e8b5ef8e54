//! Figures and page, and where they stand in a results folder.

use runstore::{Collected, Manifest, ResultsWriter};

use super::{
    cells::summary,
    figures::{Absent, Figure, draw_all},
    names::Naming,
    page::{self, ClaimEntry},
};

/// The page's file in a results folder.
pub const PAGE: &str = "report.html";

/// A drawn report.
#[derive(Debug)]
pub struct Report {
    /// The page, with the figures in it.
    pub page: String,
    /// The figures, in the order of the page.
    pub figures: Vec<Figure>,
    /// Figures for which there are no data.
    absent: Vec<Absent>,
}

/// Draws the figures and fills in the page, with what results say of claims that are asked of them. Equal tables, an equal
/// manifest and equal claims give equal bytes.
///
/// # Errors
///
/// When the page's template asks for something that it is not given.
pub fn draw(
    collected: &Collected,
    manifest: &Manifest,
    naming: Naming,
    claims: &[ClaimEntry],
) -> Result<Report, minijinja::Error> {
    let cells = summary(collected, naming);
    let (figures, absent) = draw_all(collected, &cells, manifest);
    Ok(Report {
        page: page::render(collected, manifest, &cells, (&figures, &absent), claims)?,
        figures,
        absent,
    })
}

impl Report {
    /// Puts `report.html` and `figures/*.svg`. A figure of an earlier report for which there are no
    /// data any more is removed, so that the folder never shows what the tables do not say.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub fn put(&self, results: &mut ResultsWriter) -> Result<(), runstore::Error> {
        let place = |file: &str| format!("figures/{file}");
        for figure in &self.figures {
            results.put(&place(figure.file), figure.svg.as_bytes())?;
        }
        for figure in &self.absent {
            results.remove(&place(figure.file))?;
        }
        results.put(PAGE, self.page.as_bytes())
    }
}
