//! What a language model cannot be asked.

/// What a language model cannot be asked, and what it cannot answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LmError {
    /// A text has nothing to continue from, or nothing to score.
    #[error("{text} has no tokens; give it at least one, such as the token that begins a text")]
    Empty {
        /// Which text.
        text: String,
    },
    /// A text is longer than the model has positions for.
    #[error(
        "{text} has {tokens} tokens, and the model has positions for {most}; shorten it, or cut it \
         into windows"
    )]
    Long {
        /// Which text.
        text: String,
        /// Its length.
        tokens: usize,
        /// The longest.
        most: usize,
    },
    /// A token id that the model has no row for.
    #[error(
        "{text} has the token id {id}, and the model knows the ids below {vocab}; take the tokenizer \
         that belongs to the model"
    )]
    Token {
        /// Which text.
        text: String,
        /// The id.
        id: u32,
        /// V.
        vocab: usize,
    },
    /// A batch with padding, or with several texts in a row, for a model that sees neither.
    #[error(
        "the model reads one text a row, all of one length, and a batch pads or packs them; cut texts to one \
         length, or take a model that hides padding, such as Qwen2-MoE"
    )]
    Pads,
    /// A setting of generation is out of its bounds.
    #[error("`{name}` must be {expected}, got {got}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its bounds.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// The model's logits are no numbers that a token can be chosen by.
    #[error(
        "the logits for token {token} of {text} are not all numbers; a model in f16 overflows where \
         one in bf16 or f32 does not"
    )]
    Logits {
        /// Which text.
        text: String,
        /// How many tokens were there before it.
        token: usize,
    },
}
