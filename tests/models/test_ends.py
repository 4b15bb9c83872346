"""Where a base ends its texts by its own settings."""

from __future__ import annotations

import json

import pytest
from transformers import GenerationConfig, LlamaConfig

from medadapt.models.ends import end_ids, settings_for_writing
from medadapt.models.smoke_base import byte_tokenizer


@pytest.fixture
def tokenizer():
    made = byte_tokenizer()
    made.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    return made


def test_every_end_that_is_no_part_of_a_text_counts_once(tokenizer):
    closing, word = tokenizer.convert_tokens_to_ids(["<|im_end|>", "a"])
    ends = [closing, tokenizer.eos_token_id, word, closing]
    assert end_ids(GenerationConfig(eos_token_id=ends), tokenizer) == (closing, tokenizer.eos_token_id)


def test_a_single_end_need_be_no_list(tokenizer):
    settings = GenerationConfig(eos_token_id=tokenizer.eos_token_id)
    assert end_ids(settings, tokenizer) == (tokenizer.eos_token_id,)


@pytest.mark.parametrize("settings", [None, GenerationConfig()])
def test_a_base_may_have_no_end_of_its_own(settings, tokenizer):
    assert end_ids(settings, tokenizer) == ()


def test_the_settings_beside_a_configuration_count_before_what_follows_from_it(tmp_path):
    config = LlamaConfig(eos_token_id=7)
    assert settings_for_writing(tmp_path, config).eos_token_id == 7
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [8, 9]}))
    assert settings_for_writing(tmp_path, config).eos_token_id == [8, 9]
