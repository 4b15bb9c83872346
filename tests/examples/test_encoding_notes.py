"""What the console says after encoding, and what a tokenizer cannot tell apart."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import normalizers

from medadapt.core.recipe import Recipe
from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.encoding_notes import encoding_notes
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.same_tokens import same_tokens
from medadapt.examples.templates import resolve_wording
from medadapt.models.smoke_base import byte_tokenizer

NOTHING = {"labels": [], "records": 0, "examples": []}


@pytest.fixture
def folding() -> Any:
    """A tokenizer that makes subscripts ordinary digits, as those of many models do."""
    tokenizer = byte_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.NFKC()
    return tokenizer


def encoder(tokenizer: Any, *, data_format: str, labels: tuple[str, ...] = ()) -> Encoder:
    recipe = Recipe.model_validate(
        {"name": "x", "data": {"format": data_format, "source": "x"}, "model": {"base": "x"}}
    )
    wording = resolve_wording(recipe.prompt, data_format)
    plan = EncodingPlan(
        wording=wording,
        chat=False,
        max_length=64,
        prompt_limit=48,
        closing=tokenizer.eos_token,
        labels=labels,
    )
    return Encoder(tokenizer, plan)


def asked(number: int, *options: str) -> Record:
    return Record(
        id=f"r{number}", source_row=number, group="", question="?", answer=options[0], options=options
    )


def test_labels_with_equal_tokens_are_found(folding):
    labels = ("H2O2", "Gout", "H₂O₂")
    found = same_tokens(encoder(folding, data_format="symptom_table", labels=labels), [])
    assert found == {**NOTHING, "labels": [["H2O2", "H₂O₂"]]}


def test_labels_that_only_begin_alike_are_apart(folding):
    labels = ("Flu", "Flu type A", "flu")
    assert same_tokens(encoder(folding, data_format="symptom_table", labels=labels), []) == NOTHING


def test_options_with_equal_tokens_are_counted_record_by_record(folding):
    records = [asked(number, "CO2", "CO₂" if number % 100 == 7 else "CO", "O2") for number in range(300)]
    found = same_tokens(encoder(folding, data_format="multiple_choice"), records)
    assert found["records"] == 3
    assert found["examples"] == [{"id": f"r{number}", "options": ["CO2", "CO₂"]} for number in (7, 107, 207)]


def test_open_questions_have_none(folding):
    record = Record(id="r", source_row=0, group="", question="?", answer="H2O2")
    assert same_tokens(encoder(folding, data_format="question_answer"), [record]) == NOTHING


def test_nothing_is_said_where_all_is_well():
    split = {"examples": 9, "prompts_cut": 0, "answers_cut": 0}
    assert not list(encoding_notes({"splits": {"train": split}, "same_tokens": NOTHING}, max_length=64))


def test_cuts_are_told_with_their_number_and_their_cause():
    splits = {
        "train": {"examples": 48, "prompts_cut": 10, "answers_cut": 11},
        "test": {"examples": 9, "prompts_cut": 1, "answers_cut": 0},
    }
    assert list(encoding_notes({"splits": splits, "same_tokens": NOTHING}, max_length=64)) == [
        "train: of 48 examples 10 prompts lost text from their middle and 11 answers lost their end, because "
        "examples.max_length is 64 tokens",
        "test: of 9 examples 1 prompts lost text from their middle, because examples.max_length is 64 tokens",
    ]


def test_what_cannot_be_told_apart_is_named():
    alike = {
        "labels": [["H2O2", "H₂O₂"]],
        "records": 3,
        "examples": [{"id": "r7", "options": ["CO2", "CO₂"]}],
    }
    labels, options = encoding_notes({"splits": {}, "same_tokens": alike}, max_length=64)
    assert "'H2O2', 'H₂O₂' are the same tokens" in labels
    assert "data.aliases" in labels
    assert "3 records have options that are the same tokens" in options
    assert "r7: 'CO2', 'CO₂'" in options
