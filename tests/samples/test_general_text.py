"""The bundled general English: different texts, of both kinds, and none about medicine or from the reading."""

from __future__ import annotations

import re

from medadapt.samples.general_text import PASSAGE_KINDS, general_passages
from medadapt.samples.knowledge import load_conditions


def test_there_are_at_least_twenty_different_passages_of_each_kind():
    for kind in PASSAGE_KINDS:
        texts = {(one.prompt, one.text) for one in general_passages() if one.kind == kind}
        assert len(texts) >= 20


def test_only_requests_have_a_prompt():
    assert all(bool(one.prompt) == (one.kind == "instructions") for one in general_passages())


def test_ids_begin_with_the_kind_and_differ():
    ids = [one.id for one in general_passages()]
    assert len(set(ids)) == len(ids)
    assert all(one.id.rpartition("-")[0] == one.kind for one in general_passages())


def test_no_passage_names_a_condition_of_the_sample_knowledge():
    names = "|".join(re.escape(one.name.casefold()) for one in load_conditions())
    pattern = re.compile(rf"\b(?:{names})\b")
    assert not [one.id for one in general_passages() if pattern.search(one.text.casefold())]
