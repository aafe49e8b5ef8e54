//! Rules between settings and the data that they name, held against the files before anything runs.

use corpora::{CorpusError, DataDir, SentenceTokenizer};
use models_bert::{Bert, BertConfig, BertError};

use super::{
    BertSource, DataSettings, ExpertInit, JobError, JobSettings, RouterSettings, SettingProblem,
    SourceConfig, TrainSettings,
    router::{Passages, short_of},
    settings::built,
};

/// What settings ask of data, as far as it is there, with what is known of the data; each file is read once.
pub(crate) struct DataRules<'a> {
    data: &'a DataDir,
    windows: Vec<(DataSettings, usize, Option<SettingProblem>)>,
    encoders: Vec<(String, BertConfig, SentenceTokenizer)>,
    passages: Vec<(BertSource, Option<SettingProblem>)>,
}

impl<'a> DataRules<'a> {
    /// Nothing is known yet.
    pub(crate) const fn new(data: &'a DataDir) -> Self {
        Self {
            data,
            windows: Vec::new(),
            encoders: Vec::new(),
            passages: Vec::new(),
        }
    }

    /// The rules that settings break.
    ///
    /// # Errors
    ///
    /// Files that are damaged, and parts of a model that are missing, whatever the settings ask of them.
    /// Where text or model are not there at all, nothing is asked: who may not do without them has been
    /// told when the sweep was opened.
    pub(crate) fn check(
        &mut self,
        settings: &JobSettings,
    ) -> Result<Vec<SettingProblem>, JobError> {
        match settings {
            JobSettings::Train(settings) => Ok(self.window(settings)?.into_iter().collect()),
            JobSettings::Router(settings) => match &settings.hidden.source {
                SourceConfig::Bert(source) => self.encoder(settings, source),
                SourceConfig::Random(_) => Ok(Vec::new()),
            },
            // A speed trial reads what the trials of its cells read.
            JobSettings::Pack(_) | JobSettings::Layer(_) | JobSettings::Speed(_) => Ok(Vec::new()),
        }
    }

    /// Training and validation text hold a window.
    fn window(&mut self, settings: &TrainSettings) -> Result<Option<SettingProblem>, JobError> {
        let (data, sequence) = (&settings.data, settings.train.sequence.get());
        let same = |known: &&(DataSettings, usize, _)| known.0 == *data && known.1 == sequence;
        if let Some((_, _, problem)) = self.windows.iter().find(same) {
            return Ok(problem.clone());
        }
        let checked = corpora::check_windows(&data.corpus, &data.tokenizer, self.data, sequence);
        let problem = match checked {
            Ok(()) => None,
            Err(error @ CorpusError::TooShort { .. }) => Some(problem(
                &error.to_string(),
                &["train.sequence", "data.corpus"],
            )),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error.into()),
        };
        self.windows.push((data.clone(), sequence, problem.clone()));
        Ok(problem)
    }

    /// The encoder has the layers, places and widths that are asked of it, and the text the passages.
    fn encoder(
        &mut self,
        settings: &RouterSettings,
        source: &BertSource,
    ) -> Result<Vec<SettingProblem>, JobError> {
        if !self.encoders.iter().any(|(name, ..)| *name == source.model) {
            let folder = match corpora::model_folder(&source.model, self.data) {
                Ok(folder) => folder,
                Err(error) if error.is_missing() => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let config = Bert::inspect(&folder)?;
            let tokenizer = SentenceTokenizer::read(&folder)?;
            config.check_vocabulary(&folder, tokenizer.words().vocab_size())?;
            self.encoders
                .push((source.model.clone(), config, tokenizer));
        }
        let found = self
            .encoders
            .iter()
            .find(|(name, ..)| *name == source.model);
        let (_, config, tokenizer) = found.expect("it is there or was just added");
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
        }
        problems.extend(built(
            &settings.moe,
            &settings.router,
            Some(config.hidden_size),
        ));
        problems.extend(self.passage(source)?);
        Ok(problems)
    }

    /// The validation text holds a passage.
    fn passage(&mut self, source: &BertSource) -> Result<Option<SettingProblem>, JobError> {
        let same = |known: &&(BertSource, _)| {
            known.0.corpus == source.corpus && known.0.sequence == source.sequence
        };
        if let Some((_, problem)) = self.passages.iter().find(same) {
            return Ok(problem.clone());
        }
        let length = source.sequence.get();
        let mut found = None;
        let enough = match corpora::plainly_holds(&source.corpus, self.data, length) {
            Err(error) if error.is_missing() => true,
            answer => answer?,
        };
        if !enough {
            let passages = Passages::of(&source.corpus, self.data)?;
            if !passages.hold(length) {
                found = Some(problem(
                    &short_of(length, source.corpus.name()),
                    &["hidden.source.bert.sequence", "hidden.source.bert.corpus"],
                ));
            }
        }
        self.passages.push((source.clone(), found.clone()));
        Ok(found)
    }
}

/// A text of the form `what is wrong; what to do`, at its places.
fn problem(text: &str, paths: &[&'static str]) -> SettingProblem {
    let (message, help) = text
        .split_once("; ")
        .unwrap_or((text, "change the setting, or name other data"));
    SettingProblem {
        message: message.to_owned(),
        paths: paths.to_vec(),
        help: help.to_owned(),
    }
}
