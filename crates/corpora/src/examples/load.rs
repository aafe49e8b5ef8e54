//! From settings to examples.

use indicatif::ProgressBar;

use super::{
    Example, ExampleEncoding, ExamplesConfig,
    drafts::{Draft, Drafts},
    encoding::Encoded,
};
use crate::{
    CorpusError,
    config::{CorpusConfig, TokenizerConfig},
    data_dir::DataDir,
    dataset::{ensure, tokenizer_of},
    digest::Digest,
    fetch::FetchPolicy,
    text,
    tokenizer::Tokenizer,
};

/// Examples, ready for training and validation.
#[derive(Debug, Clone)]
pub struct ExampleSet {
    /// To train on.
    pub train: Vec<Example>,
    /// To validate on.
    pub valid: Vec<Example>,
    /// What made the ids.
    pub tokenizer: Tokenizer,
    /// What the examples were made from; the same as [`digests`](crate::digests) gives of their corpus and tokenizer.
    pub digests: Vec<Digest>,
    /// What is odd about them, in sentences: texts that were cut, and that have nothing left to learn.
    pub warnings: Vec<String>,
}

/// Reads texts and turns each into an example.
///
/// # Errors
///
/// When a file is missing, is not what it should be, or has changed since it was fetched, and when no example is left
/// to train or to validate on.
pub fn load_examples(
    config: &ExamplesConfig,
    tokenizer: &TokenizerConfig,
    encoding: ExampleEncoding,
    data: &DataDir,
    policy: FetchPolicy,
) -> Result<ExampleSet, CorpusError> {
    if encoding.cutoff < 2 {
        return Err(CorpusError::ShortCutoff {
            cutoff: encoding.cutoff,
        });
    }
    let corpus = config.corpus();
    ensure(&corpus, tokenizer, data, policy, &ProgressBar::hidden())?;
    let (drafts, mut digests) = drafts(config, &corpus, data)?;
    let training_text: String = drafts.train.iter().map(|draft| &*draft.text).collect();
    let (tokenizer, digest) = tokenizer_of(tokenizer, &training_text, data)?;
    digests.extend(digest);
    let mut warnings = Vec::new();
    let mut encoded = |split: &'static str, of_split: &[Draft]| {
        let encoded = if drafts.in_pieces {
            encoding.encode_in_pieces(of_split, &tokenizer)?
        } else {
            encoding.encode(of_split, &tokenizer)?
        };
        warnings.extend(oddities(split, &encoded, encoding.cutoff));
        if encoded.examples.is_empty() {
            return Err(CorpusError::NoExamples {
                split,
                corpus: corpus.name().to_owned(),
                texts: of_split.len(),
                cutoff: encoding.cutoff,
            });
        }
        Ok(encoded.examples)
    };
    Ok(ExampleSet {
        train: encoded("training", &drafts.train)?,
        valid: encoded("validation", &drafts.valid)?,
        tokenizer,
        digests,
        warnings,
    })
}

fn drafts(
    config: &ExamplesConfig,
    corpus: &CorpusConfig,
    data: &DataDir,
) -> Result<(Drafts, Vec<Digest>), CorpusError> {
    match config {
        ExamplesConfig::Instructions(config) => {
            let name = &text::files(corpus, data)?[0];
            let (json, digest) = data.read_text(name)?;
            let drafts = Drafts::of_instructions(&json, &data.file(name), config)?;
            Ok((drafts, vec![digest]))
        }
        ExamplesConfig::Lines(config) => {
            let (texts, digests) = text::texts(corpus, data)?;
            Ok((Drafts::of_lines(&texts, config), digests))
        }
    }
}

/// Sentences on what became of the texts of a split; none where all are whole.
fn oddities(split: &str, encoded: &Encoded, cutoff: usize) -> Vec<String> {
    let Encoded {
        examples,
        cut,
        left_out,
    } = encoded;
    let all = examples.len() + left_out;
    let mut said = Vec::new();
    if *cut > 0 {
        said.push(format!(
            "{cut} of {all} {split} texts have more than {cutoff} tokens and lost their end"
        ));
    }
    if *left_out > 0 {
        said.push(format!(
            "{left_out} of {all} {split} texts have nothing to learn within {cutoff} tokens and are left out"
        ));
    }
    said
}
