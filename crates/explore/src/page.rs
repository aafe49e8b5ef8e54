//! The page, put together.

use serde::Serialize;

use crate::packed::DECIMALS;
use crate::sweep::{Sweep, SweepData};
use crate::texts::{MOST_TOKENS, Texts};
use crate::training::{CURVES, Curve};

/// The page's usual name.
pub const PAGE: &str = "explore.html";

const FRAME: &str = include_str!("../assets/page.html");
const STYLE: &str = include_str!("../assets/page.css");

/// The page's program, in the order in which its parts need each other.
const PROGRAM: [&str; 11] = [
    include_str!("../assets/unpack.js"),
    include_str!("../assets/trial.js"),
    include_str!("../assets/state.js"),
    include_str!("../assets/elements.js"),
    include_str!("../assets/tokens.js"),
    include_str!("../assets/path.js"),
    include_str!("../assets/loads.js"),
    include_str!("../assets/curves.js"),
    include_str!("../assets/choose.js"),
    include_str!("../assets/keys.js"),
    include_str!("../assets/main.js"),
];

/// What a page of `xp explore` has and hardly another.
const MARK: &str = "<title>Routing, token by token</title>";

/// Whether a file is such a page, which may be written anew.
pub fn is_page(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(2000)];
    String::from_utf8_lossy(start).contains(MARK)
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None of the sweeps has rows in `tokens.parquet`.
    #[error(
        "no routing decisions were sampled in {sweeps}; `job = \"train\"` samples them: name the results of a sweep that trains"
    )]
    NoDecisions {
        /// The sweeps that were looked at.
        sweeps: String,
    },
    /// The data cannot be written as JSON.
    #[error("write the data of the page: {0}")]
    Json(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct Data {
    /// Decimals of numbers with a fraction.
    decimals: u32,
    /// Tokens of a text that are carried at most.
    most_tokens: usize,
    curves: [Curve; CURVES.len()],
    sweeps: Vec<SweepData>,
    /// Sweeps of which there is nothing to show.
    without: Vec<String>,
    words: Vec<(u64, String, String)>,
    texts: Vec<crate::texts::Text>,
}

/// One page of several sweeps. Equal tables give equal bytes.
///
/// # Errors
///
/// When no decision of any of them was sampled.
pub fn page(sweeps: &[Sweep<'_>]) -> Result<String, Error> {
    let mut texts = Texts::default();
    let (mut shown, mut without) = (Vec::new(), Vec::new());
    for sweep in sweeps {
        match sweep.data(&mut texts) {
            Some(data) => shown.push(data),
            None => without.push(sweep.title()),
        }
    }
    if shown.is_empty() {
        let sweeps = without.join(", ");
        return Err(Error::NoDecisions { sweeps });
    }
    let (words, texts) = texts.into_lists();
    let data = Data {
        decimals: DECIMALS,
        most_tokens: MOST_TOKENS,
        curves: CURVES,
        sweeps: shown,
        without,
        words,
        texts,
    };
    let data = escaped(&serde_json::to_string(&data)?);
    let program = PROGRAM.join("\n");
    // The data come last, so that nothing in them is taken for a place to fill.
    Ok(FRAME
        .replacen("/* style */", STYLE, 1)
        .replacen("/* program */", &program, 1)
        .replacen("/* data */", &data, 1))
}

/// JSON in which no text ends or begins an element: `<` stands in strings alone.
fn escaped(json: &str) -> String {
    json.replace('<', "\\u003c")
}
