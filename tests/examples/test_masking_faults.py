"""Mistakes of published workflows in masking and joining, each shown to be impossible here."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from medadapt.core.errors import ModelError
from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.masking import IGNORED, mask
from medadapt.models.loading import load_tokenizer
from medadapt.training.batches import pad

TALK = ("hi", "hello", "My head hurts.", "Drink water.")
REAL = ("byte", "gpt2", "opt", "pythia", "llama2", "stories260K", "biogpt")


@pytest.fixture(params=REAL)
def every_tokenizer(request: pytest.FixtureRequest, tokenizer_called: Callable[[str], Any]) -> Any:
    """Each tokenizer in turn, BioGPT's too; a copy that may be changed."""
    if request.param == "biogpt":
        pytest.importorskip("sacremoses")
    return copy.deepcopy(tokenizer_called(request.param))


def example(encoder: Encoder, talk: Record) -> dict[str, Any]:
    prompt = encoder.prompt(talk)
    completion = encoder.completion(prompt, encoder.reference(talk), closed=True)
    tokens, labels, _ = mask(prompt.tokens, completion, encoder.max_length, prompt.answered)
    return {"id": talk.id, "input_ids": tokens, "labels": labels}


def test_padding_is_never_learned_also_where_it_is_the_end_token(
    every_tokenizer: Any, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    every_tokenizer.pad_token = every_tokenizer.eos_token
    encoder = encoder_for(every_tokenizer, "dialogue")
    rows = [example(encoder, dialogue(*TALK)), example(encoder, dialogue("short", "yes"))]

    padded = pad(rows, torch.device("cpu"))

    for row, labels_T in zip(rows, padded.labels_BT.tolist(), strict=True):
        assert labels_T == row["labels"] + [IGNORED] * (len(labels_T) - len(row["labels"]))
        assert row["labels"][-1] == every_tokenizer.eos_token_id  # yet every answer learns to end


def test_words_of_prompts_are_never_learned(
    every_tokenizer: Any, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    row = example(encoder_for(every_tokenizer, "dialogue"), dialogue(*TALK, system="Be kind."))

    learned = [label for label in row["labels"] if label != IGNORED]
    text = "".join(every_tokenizer.decode(learned).split())
    end = every_tokenizer.eos_token
    assert text == f"hello{end}Drinkwater.{end}"


def test_a_word_starts_the_answer_as_in_running_text(
    every_tokenizer: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    encoder = encoder_for(every_tokenizer, "dialogue")
    asked = record(question="Why?", answer="Drink water.")
    row = example(encoder, asked)

    whole = every_tokenizer("Patient: Why?\n\nDoctor: Drink water.")["input_ids"]

    # OPT begins with its end token; BioGPT ends no text with one.
    assert row["input_ids"] == [*whole, every_tokenizer.eos_token_id]


def test_a_tokenizer_without_a_start_token_needs_none(
    every_tokenizer: Any, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    encoder = encoder_for(every_tokenizer, "dialogue")
    row = example(encoder, dialogue(*TALK))

    start = every_tokenizer("x")["input_ids"][0]
    starts = start in every_tokenizer.all_special_ids  # GPT-2 and Pythia write none
    assert (row["input_ids"][0] == start) == starts
    assert row["input_ids"][:2] != [start, start]


def test_a_tokenizer_without_an_end_token_is_refused(tmp_path: Path, bytes_only: Any):
    endless = copy.deepcopy(bytes_only)
    endless.eos_token = None
    endless.save_pretrained(tmp_path)

    with pytest.raises(ModelError, match="has no end-of-text token"):
        load_tokenizer(str(tmp_path))


# --- exam questions without their options


def test_hidden_options_leave_no_trace_in_the_prompt(
    every_tokenizer: Any, encoder_for: Callable[..., Encoder], record: Callable[..., Record]
):
    asked = record(
        question="What is the cause of cherry red spot?",
        options=["Glaucoma", "Retinal artery occlusion", "Cataract", "Myopia"],
        answer_index=1,
        answer="Retinal artery occlusion",
        explanation="The fovea shows the choroid.",
    )
    encoder = encoder_for(every_tokenizer, "medical_question", options=False, answer="text_and_explanation")

    assert encoder.prompt_text(asked) == (
        "Give an answer for the following medical question.\n\n"
        "### Question:\nWhat is the cause of cherry red spot?\n\n### Answer:\n\n"
    )
    assert encoder.reference(asked) == "Retinal artery occlusion. The fovea shows the choroid."
    row = example(encoder, asked)
    learned = every_tokenizer.decode([label for label in row["labels"] if label != IGNORED][:-1])
    assert "".join(learned.split()) == "Retinalarteryocclusion.Thefoveashowsthechoroid."
