//! Which files a corpus is made of, and reading them.

use super::{Texts, commonsense, shakespeare, stories};
use crate::{
    CorpusError, config::CorpusConfig, data_dir::DataDir, digest::Digest, manifest::Manifest,
    tinytales,
};

/// The files of a corpus that are in the data folder, in the order of the manifest.
pub(crate) fn files(corpus: &CorpusConfig, data: &DataDir) -> Result<Vec<String>, CorpusError> {
    let entry = Manifest::embedded().entry(corpus.name())?;
    entry
        .files
        .iter()
        .map(|file| data.require(corpus.name(), file))
        .collect()
}

/// The texts of a corpus and the digests of the files they come from.
pub(crate) fn texts(
    corpus: &CorpusConfig,
    data: &DataDir,
) -> Result<(Texts, Vec<Digest>), CorpusError> {
    if let CorpusConfig::Tinytales(config) = corpus {
        return tinytales::texts(config);
    }
    let names = files(corpus, data)?;
    let mut read = Vec::with_capacity(names.len());
    let mut digests = Vec::with_capacity(names.len());
    for name in &names {
        let (text, digest) = data.read_text(name)?;
        read.push(text);
        digests.push(digest);
    }
    let path = data.file(&names[0]);
    let mut read = read.into_iter();
    let mut next = || {
        read.next()
            .expect("the manifest lists the files of each corpus")
    };
    let texts = match corpus {
        CorpusConfig::TinyStories(config) => {
            let train = stories::limit(next(), config.train_bytes);
            if config.tuning {
                stories::hold_back(train)
            } else {
                Texts {
                    train,
                    valid: next(),
                }
            }
        }
        CorpusConfig::TinyShakespeare(_) => shakespeare::split(next()),
        CorpusConfig::Commonsense170k(_) => commonsense::render(&next(), &path)?,
        CorpusConfig::Tinytales(_) => unreachable!("generated above"),
    };
    for (split, text) in [("training", &texts.train), ("validation", &texts.valid)] {
        if text.is_empty() {
            return Err(CorpusError::EmptySplit { split, path });
        }
    }
    Ok((texts, digests))
}
