"""`NAME=PATH` of the command line."""

from __future__ import annotations

import pytest

from medadapt.core.errors import DataError
from medadapt.core.standard_sets import SET_NAMES, is_named_after, parse_named_source, parse_named_sources


@pytest.mark.parametrize("name", SET_NAMES)
def test_each_set_is_known_by_its_name(name: str):
    named = parse_named_source(f"{name}=folder/file=1.jsonl")

    assert (named.name, named.source) == (name, "folder/file=1.jsonl")


def test_a_name_may_be_written_in_capitals():
    assert parse_named_source("MedQA=x.jsonl").name == "medqa"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("medmca=x.jsonl", "did you mean 'medmcqa'"),
        ("x.jsonl", "names no standard set"),
        ("medqa=", "names no path"),
        ("medqa", "names no path"),
        ("=x", "names no standard set"),
    ],
)
def test_anything_else_is_refused_with_the_names(words: str, told: str):
    with pytest.raises(DataError, match=told) as refused:
        parse_named_source(words)

    assert "mmlu-medical" in refused.value.expected


@pytest.mark.parametrize(
    ("base", "name", "found"),
    [
        ("owner/mistral-7B-SFT-medqa-graph-cot", "medqa", True),
        ("microsoft/BioGPT-Large-PubMedQA", "pubmedqa", True),
        ("microsoft/BioGPT-Large-PubMedQA", "medqa", False),  # another set, though its name ends so
        ("owner/llama-mmlu", "mmlu-medical", True),
        ("owner/BioMedQA-7b", "medqa", True),
        ("models/medqa-sft/", "medqa", True),
        ("medqa/plain-model", "medqa", False),
        ("sample:base", "medmcqa", False),
    ],
)
def test_a_base_is_named_after_a_set_by_its_own_name_alone(base: str, name: str, found: bool):
    assert is_named_after(base, name) is found


def test_a_set_is_named_once():
    with pytest.raises(DataError, match="medqa 2 times"):
        parse_named_sources(["medqa=a", "pubmedqa=b", "medqa=c"])
