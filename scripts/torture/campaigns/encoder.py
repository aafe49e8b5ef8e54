"""A BERT folder that is small enough to be damaged often, and a sweep that reads it."""

from __future__ import annotations

import json

SOURCE = 'source = { bert = { model = "./bert", tap = 2, sequence = 16, corpus = "tinytales" } }'
ENCODER = """\
name     = "killer"
question = "What does a router do with damaged hidden states?"
job      = "router"
seeds    = [17]

[hidden]
source = { bert = { model = "./bert", tap = 2, sequence = 16, corpus = "tinytales" } }
tokens = 32

[moe]
experts = 4
k       = 2

[router]
strategy  = "soft-top-k"
balancers = []

[measure]
runs   = 1
warmup = 0
sample = 16

[axes]
shape = [{ sequences = 2, length = 16 }]
"""

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tokenizer(more: int = 0) -> dict:
    """A WordPiece tokenizer of letters; with more tokens than it needs, if asked."""
    words = [*SPECIAL, *LETTERS, *(f"##{c}" for c in LETTERS), *".,!?'", *(f"word{i}" for i in range(more))]
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": TEMPLATE,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": {word: i for i, word in enumerate(words)},
        },
    }  # fmt: skip


TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {
        word: {"id": word, "ids": [SPECIAL.index(word)], "tokens": [word]} for word in ("[CLS]", "[SEP]")
    },
}


def tokenizer_file(more: int = 0) -> bytes:
    """The same as a file."""
    return json.dumps(tokenizer(more)).encode()


def with_number(weights: bytes, tensor: str, index: int, number: bytes) -> bytes:
    """Weights in which one number of a tensor is another."""
    length = int.from_bytes(weights[:8], "little")
    begin = json.loads(weights[8 : 8 + length])[tensor]["data_offsets"][0]
    place = 8 + length + begin + 4 * index
    return weights[:place] + number + weights[place + 4 :]
