//! How a conversation is written as one text.

use std::{fs, path::Path};

use minijinja::{Environment, context, syntax::SyntaxConfig};
use serde::Deserialize;

use crate::exit::{Exit, Expected};

/// What `tokenizer_config.json` says of conversations.
#[derive(Deserialize)]
struct TokenizerConfig {
    chat_template: Option<String>,
    #[serde(default)]
    bos_token: Option<Token>,
    #[serde(default)]
    eos_token: Option<Token>,
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
    /// When `tokenizer_config.json` is damaged.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Expected> {
        let path = folder.join("tokenizer_config.json");
        let Ok(text) = fs::read(&path) else {
            return Ok(None);
        };
        let config: TokenizerConfig = serde_json::from_slice(&text).map_err(|error| {
            Expected::new(
                Exit::Usage,
                format!("{} is damaged: {error}", path.display()),
                "fetch or copy the model's folder again",
            )
        })?;
        let text = |token: Option<Token>| token.map(Token::text).unwrap_or_default();
        Ok(config.chat_template.map(|source| Self {
            source,
            bos_token: text(config.bos_token),
            eos_token: text(config.eos_token),
        }))
    }

    /// What one person says, up to where the model is to answer.
    ///
    /// # Errors
    ///
    /// When the template is none.
    pub(crate) fn apply(&self, said: &str) -> Result<String, Expected> {
        let mut environment = Environment::new();
        // Templates are written for Jinja2 in Python: methods of texts and lists, and lines that are
        // tags alone leave nothing behind.
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.expect("the usual delimiters"));
        let written = environment.render_str(
            &self.source,
            context! {
                messages => [context! { role => "user", content => said }],
                add_generation_prompt => true,
                bos_token => self.bos_token.as_str(),
                eos_token => self.eos_token.as_str(),
            },
        );
        written.map_err(|error| {
            Expected::new(
                Exit::Usage,
                format!("the model's chat template cannot be applied: {error}"),
                "leave out --chat, and write the conversation as the model was taught it",
            )
        })
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
}
