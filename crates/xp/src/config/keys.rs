//! The keys of a sweep file beside the sections of its job.

/// Keys that a sweep file has beside the sections of its job.
pub(crate) const HEADER_KEYS: &[&str] = &[
    "name", "question", "job", "seeds", "save", "device", "compare", "speed", "axes", "scale",
];
