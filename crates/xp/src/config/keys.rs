//! The keys of a sweep file beside the sections of its job.

/// Keys that a sweep file has beside the sections of its job.
pub(crate) const HEADER_KEYS: &[&str] = &[
    "include", "name", "question", "job", "seeds", "save", "device", "tags", "notes", "compare",
    "speed", "stop", "run", "sample", "axes", "scale",
];
