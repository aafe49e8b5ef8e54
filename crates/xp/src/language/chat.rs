//! How a conversation is written as one text.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use minijinja::{Environment, Error, ErrorKind, context, syntax::SyntaxConfig};
use serde::Deserialize;

use crate::exit::{Exit, Expected};

/// What a template may cost: steps, more than a hundred times those that one turn takes.
const FUEL: u64 = 100_000;

/// Bytes that it may add to what is said.
const LONGEST: usize = 1 << 20;

/// The file of a template by itself, which comes before that of the tokenizer.
const OWN_FILE: &str = "chat_template.jinja";

/// What `tokenizer_config.json` says of conversations.
#[derive(Default, Deserialize)]
struct TokenizerConfig {
    chat_template: Option<Templates>,
    #[serde(default)]
    bos_token: Option<Token>,
    #[serde(default)]
    eos_token: Option<Token>,
}

/// One template, or several by name.
#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Several(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

impl Templates {
    /// The one for conversations without tools; else the names that there are.
    fn usual(self) -> Result<String, String> {
        let several = match self {
            Self::One(template) => return Ok(template),
            Self::Several(several) => several,
        };
        let names: Vec<_> = several
            .iter()
            .map(|one| format!("`{}`", one.name))
            .collect();
        let usual = several.into_iter().find(|one| one.name == "default");
        usual
            .map(|one| one.template)
            .ok_or_else(|| names.join(", "))
    }
}

/// A token as text, or as an object that holds it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    Added { content: String },
}

impl Token {
    fn text(self) -> String {
        match self {
            Self::Text(text) | Self::Added { content: text } => text,
        }
    }
}

/// A template in Jinja's language, as Hugging Face writes them.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    source: String,
    bos_token: String,
    eos_token: String,
}

impl ChatTemplate {
    /// The template of a model's folder, where it has one.
    ///
    /// # Errors
    ///
    /// When a file is damaged, and when of several templates none is for conversations without tools.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, Expected> {
        let path = folder.join("tokenizer_config.json");
        let damaged = |problem: String| {
            Expected::new(
                Exit::Usage,
                problem,
                "leave out --chat, or fetch or copy the model's folder again",
            )
        };
        let config = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| damaged(format!("{} is damaged: {error}", path.display())))?,
            Err(_) => TokenizerConfig::default(),
        };
        let own = folder.join(OWN_FILE);
        let source = if own.exists() {
            let text = fs::read_to_string(&own);
            let unread = |error| damaged(format!("{} is damaged: {error}", own.display()));
            Some(text.map_err(unread)?)
        } else {
            let usual = config.chat_template.map(Templates::usual).transpose();
            usual.map_err(|names| {
                let path = path.display();
                damaged(format!(
                    "{path} has the chat templates {names}, and none is `default`"
                ))
            })?
        };
        let text = |token: Option<Token>| token.map(Token::text).unwrap_or_default();
        Ok(source.map(|source| Self {
            source,
            bos_token: text(config.bos_token),
            eos_token: text(config.eos_token),
        }))
    }

    /// What one person says, up to where the model is to answer.
    ///
    /// # Errors
    ///
    /// When the template is none, refuses the conversation, or does not come to an end.
    pub(crate) fn apply(&self, said: &str) -> Result<String, Expected> {
        let mut written = Bounded {
            bytes: Vec::new(),
            most: LONGEST + said.len(),
        };
        let applied = environment()
            .template_from_str(&self.source)
            .and_then(|template| {
                let given = context! {
                    messages => [context! { role => "user", content => said }],
                    add_generation_prompt => true,
                    bos_token => self.bos_token.as_str(),
                    eos_token => self.eos_token.as_str(),
                };
                template.render_captured_to(given, &mut written).map(drop)
            });
        if let Err(error) = applied {
            let why = match error.kind() {
                ErrorKind::OutOfFuel => {
                    format!("it does not come to an end within {FUEL} steps")
                }
                ErrorKind::WriteFailure => {
                    format!("it writes more than {} bytes", written.most)
                }
                _ => error.to_string(),
            };
            return Err(Expected::new(
                Exit::Usage,
                format!("the model's chat template cannot be applied: {why}"),
                "leave out --chat, and write the conversation as the model was taught it",
            ));
        }
        // A template and what is said are text, and so is what is made of them.
        Ok(String::from_utf8_lossy(&written.bytes).into_owned())
    }
}

/// The language that templates are written in: that of Jinja2 in Python, as `transformers` sets it up. There
/// are methods of texts and lists, and lines that are tags alone leave nothing behind.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.expect("the usual delimiters"));
    environment.set_fuel(Some(FUEL));
    environment.add_function("raise_exception", |why: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, why))
    });
    environment.add_function("strftime_now", |format: String| {
        jiff::fmt::strtime::format(&format, &jiff::Zoned::now())
            .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
    });
    environment
}

/// What is written up to so many bytes.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::Error::other("it is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(source: &str) -> ChatTemplate {
        ChatTemplate {
            source: source.to_owned(),
            bos_token: "<s>".to_owned(),
            eos_token: "</s>".to_owned(),
        }
    }

    /// The shape of Qwen's own: a system's words first where the conversation has none.
    #[test]
    fn a_conversation_is_written_as_the_template_says() {
        let source = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' \
            %}{{ '<|im_start|>system\\nBe brief.<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + \
            message['role'] + '\\n' + message['content'].strip() + '<|im_end|>' + '\\n'}}{% endfor %}\
            {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
        let written = template(source).apply(" Hello ").unwrap();
        assert_eq!(
            written,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n\
             <|im_start|>assistant\n"
        );
        let written = template("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}");
        assert_eq!(written.apply("x").unwrap(), "<s>x</s>");
    }

    #[test]
    fn a_broken_template_is_said() {
        let error = template("{% for %}").apply("x").unwrap_err();
        assert!(error.to_string().contains("chat template"), "{error}");
    }

    #[test]
    fn a_template_comes_to_an_end_or_is_refused() {
        for (source, word) in [
            (
                "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
                "an end",
            ),
            (
                "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
                "cannot be applied",
            ),
            (
                "{% for i in range(40) %}{{ messages[0].content * 60000 }}{% endfor %}",
                "1048586 bytes",
            ),
        ] {
            let error = template(source)
                .apply("ten bytes.")
                .unwrap_err()
                .to_string();
            assert!(error.contains(word), "{source}: {error}");
        }
    }

    #[test]
    fn functions_of_transformers_are_there() {
        let refuses = template("{{ raise_exception('only with a system prompt') }}").apply("x");
        let refuses = refuses.unwrap_err().to_string();
        assert!(refuses.contains("only with a system prompt"), "{refuses}");
        let year = template("{{ strftime_now('%Y') }}").apply("x").unwrap();
        assert!(year.len() == 4 && year.starts_with('2'), "{year}");
        let wrong = template("{{ strftime_now('%!') }}").apply("x");
        assert!(wrong.is_err());
        let other = "{% for m in messages %}{{ m.content | tojson }}{% break %}{% endfor %}";
        assert_eq!(template(other).apply("x").unwrap(), "\"x\"");
    }

    fn read(files: &[(&str, &str)]) -> Result<Option<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let found = ChatTemplate::read(folder.path()).map_err(|error| error.to_string())?;
        Ok(found.map(|template| template.source))
    }

    #[test]
    fn a_template_stands_in_one_of_three_forms() {
        let config = "tokenizer_config.json";
        let found = |source: &str| Ok(Some(source.to_owned()));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[(config, "{}")]), Ok(None));
        assert_eq!(read(&[(config, r#"{"chat_template": "a"}"#)]), found("a"));
        let several = r#"{"chat_template": [{"name": "tool_use", "template": "t"},
            {"name": "default", "template": "d"}]}"#;
        assert_eq!(read(&[(config, several)]), found("d"));
        // By itself it comes first.
        let own = (OWN_FILE, "own");
        assert_eq!(read(&[(config, several), own]), found("own"));
        assert_eq!(read(&[own]), found("own"));
        for (text, words) in [
            (
                r#"{"chat_template": [{"name": "rag", "template": "r"}]}"#,
                "`rag`",
            ),
            (r#"{"chat_template": 7}"#, "is damaged"),
        ] {
            let refused = read(&[(config, text)]).unwrap_err();
            assert!(
                refused.contains(words) && refused.contains(config),
                "{refused}"
            );
        }
    }
}
