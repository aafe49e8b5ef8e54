//! `xp generate`: a language model continues texts.

use std::sync::atomic::Ordering;

use corpora::Tokenizer;
use kernels::Precision;
use lm::{Decoder, Ending, GenerationConfig, SamplingConfig};
use serde_json::json;

use crate::{
    cli::GenerateArgs,
    device::DeviceChoice,
    exit::{Exit, Expected},
    jobs::of_model,
    language::{AnyModel, ChatTemplate, NamedModel},
    signals, ui,
};

pub(super) fn run(args: &GenerateArgs) -> Result<Exit, Expected> {
    super::compute_with(None)?;
    let device = args.device.parse::<DeviceChoice>()?.open()?;
    let mut named = NamedModel::load(&args.model, &args.places, &device)?;
    if let Some(folder) = &args.adapter {
        named = named.adapted(folder, &args.places)?;
    }
    let prompts = prompts(args, &named)?;
    let config = GenerationConfig {
        max_tokens: args.max_tokens,
        stop_ids: named.stop_ids.clone(),
        sampling: SamplingConfig {
            temperature: args.temperature,
            top_k: args.top_k,
            top_p: args.top_p,
            seed: args.seed,
        },
        precision: Precision::F32,
    };
    signals::listen()?;
    let mut shown = Shown::new(args, &named.tokenizer);
    // Side by side, or one after another where a model knows no padding.
    let together = if named.model.limits().pads {
        prompts.len()
    } else {
        1
    };
    for (number, prompts) in prompts.chunks(together.max(1)).enumerate() {
        of_model!(AnyModel, &named.model, model => {
            write(model, prompts, &config, number * together, &mut shown)?;
        });
    }
    shown.end();
    shown.say_where_places_end(named.model.limits().positions);
    Ok(if signals::STOP.load(Ordering::Relaxed) {
        Exit::Interrupted
    } else {
        Exit::Done
    })
}

/// The prompts as token ids.
fn prompts(args: &GenerateArgs, named: &NamedModel) -> Result<Vec<Vec<u32>>, Expected> {
    let chat = match &named.folder {
        Some(folder) if args.chat => ChatTemplate::read(folder)?,
        _ => None,
    };
    if args.chat && chat.is_none() {
        return Err(Expected::new(
            Exit::Usage,
            format!("{} has no chat template", args.model),
            "leave out --chat; a folder has one in `chat_template.jinja` or `tokenizer_config.json`",
        ));
    }
    let encode = |text: &String| {
        let written = match &chat {
            None => text.clone(),
            Some(chat) => chat.apply(text)?,
        };
        Ok(named.tokenizer.encode(&written)?)
    };
    args.prompt.iter().map(encode).collect()
}

/// What a model cannot be asked; what to do stands behind a semicolon, where the text says it.
fn refused(error: lm::LmError) -> Expected {
    let help = match error {
        lm::LmError::Setting { .. } => {
            "--temperature is 0 or above, --top-k 1 or more, --top-p above 0 and at most 1"
        }
        _ => "give a --prompt that the model has room for",
    };
    let text = error.to_string();
    let (message, help) = text.split_once("; ").unwrap_or((&text, help));
    Expected::new(Exit::Usage, message, help)
}

/// Continues prompts side by side, the first of which is the `first` of all, until they end or a person
/// asks to stop.
fn write<M: Decoder>(
    model: &M,
    prompts: &[Vec<u32>],
    config: &GenerationConfig,
    first: usize,
    shown: &mut Shown<'_>,
) -> Result<(), Expected> {
    if signals::STOP.load(Ordering::Relaxed) {
        return Ok(());
    }
    let mut texts = lm::generate(model, prompts, config).map_err(refused)?;
    for step in &mut texts {
        for (number, id) in step.map_err(refused)?.into_iter().enumerate() {
            if let Some(id) = id {
                shown.token(first + number, id)?;
            }
        }
        if signals::STOP.load(Ordering::Relaxed) {
            break;
        }
    }
    for (number, ending) in texts.endings().enumerate() {
        shown.endings[first + number] = ending;
    }
    Ok(())
}

/// The texts as they grow: a single one at once, several when all are written.
struct Shown<'a> {
    args: &'a GenerateArgs,
    tokenizer: &'a Tokenizer,
    ids: Vec<Vec<u32>>,
    endings: Vec<Option<Ending>>,
    /// How many bytes of the single text are on the screen.
    written: usize,
}

impl<'a> Shown<'a> {
    fn new(args: &'a GenerateArgs, tokenizer: &'a Tokenizer) -> Self {
        Self {
            args,
            tokenizer,
            ids: vec![Vec::new(); args.prompt.len()],
            endings: vec![None; args.prompt.len()],
            written: 0,
        }
    }

    fn streams(&self) -> bool {
        self.ids.len() == 1 && !self.args.json
    }

    fn text(&self, number: usize) -> String {
        self.tokenizer.decode(&self.ids[number]).unwrap_or_default()
    }

    /// A token more of a text.
    fn token(&mut self, number: usize, id: u32) -> Result<(), Expected> {
        self.ids[number].push(id);
        if self.streams() {
            let text = self.tokenizer.decode(&self.ids[number])?;
            // A character of several tokens is shown when it is whole.
            let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
            if let Some(more) = text.get(self.written..whole) {
                ui::piece(more);
                self.written = whole;
            }
        }
        Ok(())
    }

    /// Says which texts might have gone on in a model of more places.
    fn say_where_places_end(&self, places: usize) {
        for (number, ending) in self.endings.iter().enumerate() {
            if *ending == Some(Ending::Positions) {
                ui::say(&format!(
                    "the text of prompt {number} stops behind {} tokens: the {places} places of the model are \
                     used up",
                    self.ids[number].len()
                ));
            }
        }
    }

    /// Shows what is left to show.
    fn end(&self) {
        if self.streams() {
            ui::piece(self.text(0).get(self.written..).unwrap_or_default());
            ui::piece("\n");
            return;
        }
        let prompts = self.args.prompt.iter().enumerate();
        if self.args.json {
            let texts = prompts.map(|(number, prompt)| {
                json!({ "prompt": prompt, "text": self.text(number), "tokens": self.ids[number].len() })
            });
            ui::json(&texts.collect::<Vec<_>>());
        } else {
            for (number, prompt) in prompts {
                ui::data(&format!("==> {prompt} <==\n{}\n", self.text(number)));
            }
        }
    }
}
