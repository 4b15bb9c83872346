"""Where a base ends its texts, by the settings for writing that were published with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import GenerationConfig, PreTrainedConfig

from medadapt.models.quiet import quiet_libraries


def end_ids(settings: GenerationConfig | None, tokenizer: Any) -> tuple[int, ...]:
    """Tokens at which a base ends a text by its own settings, where its tokenizer takes them for no part of a text.

    A base may have more of them than its tokenizer's end of text: one that was taught to chat ends some answers with
    the end of its earlier training's texts. Ids of ordinary tokens are left out: configurations have a default end,
    which in another vocabulary is a piece of a word.
    """
    ends = getattr(settings, "eos_token_id", None)
    listed = [] if ends is None else [ends] if isinstance(ends, int) else list(ends)
    special = {
        *tokenizer.all_special_ids,
        *(token_id for token_id, token in tokenizer.added_tokens_decoder.items() if token.special),
    }
    return tuple(token_id for token_id in dict.fromkeys(listed) if token_id in special)


def settings_for_writing(folder: Path, config: PreTrainedConfig) -> GenerationConfig:
    """The settings beside a base's configuration, else those that follow from it, as transformers takes them."""
    try:
        with quiet_libraries():
            return GenerationConfig.from_pretrained(folder, local_files_only=True)
    except OSError:
        return GenerationConfig.from_model_config(config)
