//! Tensors that a checkpoint may store a second time.

use std::collections::BTreeMap;

use super::{files::Shard, stored::Stored};
use crate::TensorProblem;

/// A second name of a tensor, and its first: the matrix of the logits is that of the word
/// embedding, and their bias may stand beside it.
const COPIES: [(&str, &str); 2] = [
    (
        "cls.predictions.decoder.weight",
        "embeddings.word_embeddings.weight",
    ),
    ("cls.predictions.decoder.bias", "cls.predictions.bias"),
];

/// Takes the second of two equal tensors away; two that differ are a model of another sort. Where
/// only the second is there, it takes the place of the first.
pub(super) fn drop_copies(
    tensors: &mut BTreeMap<String, Stored>,
    shards: &[Shard],
    problems: &mut Vec<TensorProblem>,
) {
    for (copy, original) in COPIES {
        let Some(second) = tensors.remove(copy) else {
            continue;
        };
        match tensors.get(original) {
            None => {
                tensors.insert(original.to_owned(), second);
            }
            Some(first) if same(first, &second, shards) => {}
            Some(first) => problems.push(TensorProblem::Untied {
                file: shards[second.shard].path.clone(),
                tensor: second.name,
                other: first.name.clone(),
            }),
        }
    }
}

fn same(first: &Stored, second: &Stored, shards: &[Shard]) -> bool {
    first.dtype == second.dtype
        && first.shape == second.shape
        && first.bytes(shards) == second.bytes(shards)
}
