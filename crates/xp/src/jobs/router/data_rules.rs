//! What a trial on an encoder's hidden states asks of the encoder and of the text that it reads.

use corpora::SentenceTokenizer;
use models_bert::{Bert, BertConfig, BertError};

use super::{
    passages::{Passages, joins_words, parts_words, plain, reads_plainly, short_of},
    settings::{BertSource, ExpertInit, RouterSettings},
};
use crate::jobs::{
    context::JobError,
    data_rules::{DataRules, problem},
    settings::{SettingProblem, rules::built},
};

/// What was found in encoders and texts.
#[derive(Default)]
struct Known {
    encoders: Vec<(String, BertConfig, SentenceTokenizer)>,
    passages: Vec<(BertSource, Option<SettingProblem>)>,
}

/// The encoder has the layers, places and widths that are asked of it, and the text the passages.
pub(super) fn encoder(
    rules: &mut DataRules<'_>,
    settings: &RouterSettings,
    source: &BertSource,
) -> Result<Vec<SettingProblem>, JobError> {
    let (data, found) = (rules.data, rules.found.of::<Known>());
    if !found
        .encoders
        .iter()
        .any(|(name, ..)| *name == source.model)
    {
        let folder = match corpora::model_folder(&source.model, data) {
            Ok(folder) => folder,
            Err(error) if error.is_missing() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let config = Bert::inspect(&folder)?;
        let tokenizer = SentenceTokenizer::read(&folder)?;
        config.check_vocabulary(&folder, tokenizer.words().vocab_size())?;
        found
            .encoders
            .push((source.model.clone(), config, tokenizer));
    }
    let mut encoders = found.encoders.iter();
    let own = encoders.find(|(name, ..)| *name == source.model);
    let (_, config, tokenizer) = own.expect("it is there or was just added").clone();
    let sequence = source.sequence.get();
    let network = match source.experts {
        ExpertInit::Copied => config.check_network(source.layer),
        ExpertInit::Random => Ok(()),
    };
    let asked: [(&'static str, Result<(), BertError>); 3] = [
        ("hidden.source.bert.tap", config.check_tap(source.tap)),
        ("hidden.source.bert.layer", network),
        (
            "hidden.source.bert.sequence",
            config.check_sequence(sequence),
        ),
    ];
    let refused = asked.into_iter().filter_map(|(path, answer)| {
        let error = answer.err()?;
        Some(problem(
            &error.to_string(),
            &[path, "hidden.source.bert.model"],
        ))
    });
    let mut problems: Vec<_> = refused.collect();
    if let Err(error) = tokenizer.encode(&["a"], sequence) {
        let place = ["hidden.source.bert.sequence"];
        problems.push(problem(&error.to_string(), &place));
        return Ok(problems);
    }
    problems.extend(built(
        &settings.moe,
        &settings.router,
        Some(config.hidden_size),
    ));
    problems.extend(passage(rules, source, &tokenizer)?);
    Ok(problems)
}

/// The validation text holds a passage, and the tokenizer reads it word by word.
fn passage(
    rules: &mut DataRules<'_>,
    source: &BertSource,
    tokenizer: &SentenceTokenizer,
) -> Result<Option<SettingProblem>, JobError> {
    let question = |source: &BertSource| {
        let BertSource {
            corpus,
            sequence,
            model,
            ..
        } = source;
        (corpus.clone(), *sequence, model.clone())
    };
    let same = |known: &&(BertSource, _)| question(&known.0) == question(source);
    if let Some((_, problem)) = rules.found.of::<Known>().passages.iter().find(same) {
        return Ok(problem.clone());
    }
    let length = source.sequence.get();
    let mut found = None;
    let enough = match corpora::plainly_holds(&source.corpus, rules.data, length) {
        Err(error) if error.is_missing() => true,
        answer => answer?,
    };
    let mut sample = plain(length);
    if !enough || !reads_plainly(tokenizer)? {
        let passages = match Passages::of(&source.corpus, rules.data, tokenizer) {
            Err(JobError::Data(error)) if error.is_missing() => return Ok(None),
            answer => answer?,
        };
        if !passages.hold(length) {
            found = Some(problem(
                &short_of(length, source.corpus.name()),
                &["hidden.source.bert.sequence", "hidden.source.bert.corpus"],
            ));
        }
        sample = passages.first(length);
    }
    if found.is_none() && !parts_words(tokenizer, &sample, length)? {
        found = Some(problem(&joins_words(length), &["hidden.source.bert.model"]));
    }
    let known = rules.found.of::<Known>();
    known.passages.push((source.clone(), found.clone()));
    Ok(found)
}
