"""A tiny random base of the recipe's own architecture, for runs that prove the path rather than a result."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast

from medadapt.core.errors import ModelError
from medadapt.core.files import disk_faults
from medadapt.core.recipe import ModelSection
from medadapt.models.base_files import looks_like_path
from medadapt.models.blank import blank_model
from medadapt.models.loading import load_config, load_tokenizer, refuse_foreign_code
from medadapt.models.local_base import local_folder
from medadapt.models.quiet import quiet_libraries
from medadapt.models.tiny_config import tiny_config

# Architectures of well-known families, by the name of the model: a smoke run needs no download.
FAMILIES = (
    (r"(^|[/_-])opt-", "opt"),
    (r"llama|vicuna|medalpaca|meditron", "llama"),
    (r"mixtral", "mixtral"),
    (r"mistral|zephyr", "mistral"),
    (r"biogpt", "biogpt"),
    (r"gpt2|gpt-2", "gpt2"),
    (r"pythia|gpt-neox", "gpt_neox"),
    (r"qwen3", "qwen3"),
    (r"qwen", "qwen2"),
    (r"gemma-2-", "gemma2"),
    (r"gemma-?3n", "gemma3n_text"),
    (r"gemma-?3|medgemma", "gemma3_text"),
    (r"gemma-?4", "gemma4_text"),
    (r"gemma", "gemma"),
    (r"phi-?3|phi-?4", "phi3"),
    (r"phi", "phi"),
)


def write_smoke_base(model: ModelSection, folder: Path, *, seed: int) -> None:
    """Save a tiny random model and its tokenizer into `folder`; the same seed gives the same files.

    The architecture is read from the base's configuration where that is on this machine, else known from
    its name. The tokenizer is the base's own where that is on this machine, else one token a byte.
    Raises ModelError when neither tells the architecture, or it is no causal language model.
    """
    config = _config_on_disk(model)
    # Of a model that also sees pictures the language model is enough.
    model_type = config.get_text_config().model_type if config is not None else family_of(model.base)
    tokenizer = _tokenizer_on_disk(model) or byte_tokenizer()
    with quiet_libraries():
        tiny = tiny_config(model_type, vocabulary_size=len(tokenizer), tokenizer=tokenizer)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random_model = blank_model(tiny, dtype=torch.float32)
    for name, weight in random_model.named_parameters():
        if name.endswith("_scale") and not weight.any():  # Gemma 3n: what it scales would learn nothing
            torch.nn.init.ones_(weight)
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with quiet_libraries():
            random_model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def family_of(base: str) -> str:
    """The transformers model type that a base's name tells. Raises ModelError when it tells none."""
    for pattern, model_type in FAMILIES:
        if re.search(pattern, base.lower()):
            return model_type
    raise ModelError(
        f"A smoke run of {base} is not possible: its configuration is not on this machine, and its name does "
        "not tell the architecture.",
        "a local model folder, or a name of a known family",
        "Put the model's config.json and tokenizer into a folder and set model.base to it.",
    )


def byte_tokenizer() -> Any:
    """One token a byte, with a start and an end token: reads any text, and needs no file."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: number for number, symbol in enumerate(["<s>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", clean_up_tokenization_spaces=False
    )


def _config_on_disk(model: ModelSection) -> Any | None:
    folder = local_folder(model.base)
    if looks_like_path(model.base) or folder is not None:
        if folder is not None and (folder / "config.json").is_file():
            refuse_foreign_code(folder / "config.json", model.base, trusted=False)
            return load_config(model.base)
        return None
    try:
        return AutoConfig.from_pretrained(model.base, revision=model.revision, local_files_only=True)
    except (OSError, ValueError):
        return None  # not in the cache: the name has to tell


def _tokenizer_on_disk(model: ModelSection) -> Any | None:
    if local_folder(model.base) is not None:
        return load_tokenizer(model.base)
    try:
        return AutoTokenizer.from_pretrained(model.base, revision=model.revision, local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError):
        return None  # not in the cache: bytes will do
