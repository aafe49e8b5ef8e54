//! `xp generate`: a language model continues texts.

use std::sync::atomic::Ordering;

use corpora::Tokenizer;
use kernels::Precision;
use lm::{Decoder, GenerationConfig, SamplingConfig};
use serde_json::json;

use crate::{
    cli::GenerateArgs,
    device::DeviceChoice,
    exit::{Exit, Expected},
    jobs::of_model,
    language::{AnyModel, NamedModel},
    signals, ui,
};

pub(super) fn run(args: &GenerateArgs) -> Result<Exit, Expected> {
    let device = args.device.parse::<DeviceChoice>()?.open()?;
    let mut named = NamedModel::load(&args.model, &args.places, &device)?;
    if let Some(folder) = &args.adapter {
        named = named.adapted(folder)?;
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
    Ok(if signals::STOP.load(Ordering::Relaxed) {
        Exit::Interrupted
    } else {
        Exit::Done
    })
}

/// The prompts as token ids.
fn prompts(args: &GenerateArgs, named: &NamedModel) -> Result<Vec<Vec<u32>>, Expected> {
    let encode = |text: &String| {
        let written = match (&named.chat, args.chat) {
            (_, false) => text.clone(),
            (Some(chat), true) => chat.apply(text)?,
            (None, true) => {
                return Err(Expected::new(
                    Exit::Usage,
                    format!("{} has no chat template", args.model),
                    "leave out --chat; a folder has one in `tokenizer_config.json`",
                ));
            }
        };
        Ok(named.tokenizer.encode(&written)?)
    };
    args.prompt.iter().map(encode).collect()
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
    let refused = |error: lm::LmError| {
        let help = "a prompt has at least one token, and the model room for it; a temperature is 0 or \
                    above, top-k 1 or more, top-p above 0 and at most 1";
        Expected::new(Exit::Usage, error.to_string(), help)
    };
    for step in lm::generate(model, prompts, config).map_err(refused)? {
        for (number, id) in step.map_err(refused)?.into_iter().enumerate() {
            if let Some(id) = id {
                shown.token(first + number, id)?;
            }
        }
        if signals::STOP.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(())
}

/// The texts as they grow: a single one at once, several when all are written.
struct Shown<'a> {
    args: &'a GenerateArgs,
    tokenizer: &'a Tokenizer,
    ids: Vec<Vec<u32>>,
    /// How many bytes of the single text are on the screen.
    written: usize,
}

impl<'a> Shown<'a> {
    fn new(args: &'a GenerateArgs, tokenizer: &'a Tokenizer) -> Self {
        Self {
            args,
            tokenizer,
            ids: vec![Vec::new(); args.prompt.len()],
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
