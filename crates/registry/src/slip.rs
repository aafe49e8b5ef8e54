//! "Did you mean": the name that another is probably a slip of.

/// From this Jaro-Winkler likeness on, of at most 1, a name is taken for a slip of another.
const LIKE: f64 = 0.8;

/// The known name nearest to what was written, if it is near enough to be a slip. Capitals are of no
/// matter.
///
/// ```
/// let known = ["k", "capacity-factor"];
/// assert_eq!(registry::nearest("Capasity-factor", known), Some("capacity-factor"));
/// assert_eq!(registry::nearest("zebra", known), None);
/// ```
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&written, name), name))
        .filter(|(likeness, _)| *likeness > LIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}
