"""The data that cases read and that does not come with the code: what must be there, and whether it is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

TOKENIZER = "tokenizers/llama2/tokenizer.json"
SYMPTOMS, MEDQUAD = "symptom_disease/dataset.csv", "medquad/train.csv"
NEEDED = {
    "training_peers": (TOKENIZER, "tokenizers/llama2/tokenizer_config.json", SYMPTOMS, MEDQUAD),
    "techniques": (TOKENIZER, "tokenizers/llama2/tokenizer_config.json", SYMPTOMS, MEDQUAD),
    "answering": (TOKENIZER, "tokenizers/llama2/tokenizer_config.json", SYMPTOMS),
    "data_runs": (
        SYMPTOMS, MEDQUAD, "open_medical_qa", "dialogues", "medmcqa", "medqa_usmle", "pubmedqa", "models/stories260K",
    ),
    "preparing": (MEDQUAD,),
    "memory_growth": (MEDQUAD, "models/stories260K"),
    "contrast": (MEDQUAD, "open_medical_qa"),
    "passages": (MEDQUAD,),
    "gguf": ("tokenizers/gpt2",),
}  # fmt: skip
"""Case -> files and folders below the folder of the data."""
PUBLISHED = {
    TOKENIZER: "ddc5d4290c9e8de0d453feaaeb4ebc510f743f1ac1850856ff05485a11cb8fbe",
    SYMPTOMS: "ebbd391c4ba4d64f57a00eb3d0a55f0ca9b920b0c5de6b9af4234e72519c9618",
    MEDQUAD: "8d46beaaea518449bf796a98c8506dd70cdc0d58499bc21fb1e74135871dd86e",
}
"""sha256 of what the comparisons with other software were made on."""


def missing(case: str, data: Path) -> list[str]:
    """What a case needs and `data` has not."""
    return [path for path in NEEDED.get(case, ()) if not (data / path).exists()]


def other_than_published(case: str, data: Path) -> Iterator[str]:
    """Files of which the published results were made on another version."""
    for path in NEEDED.get(case, ()):
        if path in PUBLISHED and hashlib.sha256((data / path).read_bytes()).hexdigest() != PUBLISHED[path]:
            yield path
