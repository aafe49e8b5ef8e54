//! How much of a checkpoint a token needs.

use std::collections::BTreeSet;

use weights::Checkpoint;

use crate::{Qwen2MoeConfig, layout::EMBEDDING};

impl Qwen2MoeConfig {
    /// Bytes of the files that the next token of one text has to read: words and scales of packed maps and
    /// all other numbers, with k of E experts of each mixture. Of an embedding that is not the head as well it
    /// takes a row, which is not counted. No decoder can be faster than memory gives these.
    #[must_use]
    pub fn bytes_per_token(&self, files: &Checkpoint) -> u64 {
        let layout = self.layout();
        let own: BTreeSet<&str> = layout.iter().map(|entry| entry.name.as_str()).collect();
        let is_needed = |name: &str| {
            let packed = name.ends_with(".qweight") || name.ends_with(".scales");
            let looked_up = name == EMBEDDING && !self.tie_word_embeddings;
            packed || own.contains(name) && !looked_up
        };
        let (mut always, mut experts) = (0, 0);
        for (name, bytes) in files.sizes().filter(|(name, _)| is_needed(name)) {
            if name.contains(".mlp.experts.") {
                experts += bytes as u64;
            } else {
                always += bytes as u64;
            }
        }
        always + experts * self.num_experts_per_tok as u64 / self.num_experts as u64
    }
}
