"""Search by meaning finds the nearest vectors, and fuses with search by words as the paper says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import DataError
from medadapt.retrieval.fusion import fused
from medadapt.retrieval.index import Origin, PassageIndex, load_index, save_index
from medadapt.retrieval.meanings import EmbeddedBy, MeaningSearch
from medadapt.retrieval.passages import Passage

BY = EmbeddedBy(folder="a model", sha256="0" * 64)
ORIGIN = Origin(kind="files", name="made up", sha256={})
# Two words for one meaning: a vector tells them apart from the others, and words do not bring them together.
MEANINGS = {"fever": 0, "pyrexia": 0, "cough": 1, "rash": 2, "the": 3}


def embed(texts):
    vectors = np.zeros((len(texts), 4), np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for word in text.split():
            row[MEANINGS.get(word, 3)] += 1
        row /= max(np.linalg.norm(row), 1e-9)
    return vectors


@given(st.integers(1, 30), st.integers(0, 2**16))
def test_the_nearest_vectors_are_found(count, seed):
    draw = np.random.default_rng(seed)
    vectors = draw.normal(size=(25, 6)).astype(np.float32)
    question = vectors[:1] + 0.1
    found = MeaningSearch(vectors, lambda _: question, BY).best("any", count)
    wanted = sorted(range(25), key=lambda number: -float(vectors[number] @ question[0]))[:count]
    assert [number for number, _ in found] == wanted


def test_a_question_without_tokens_finds_nothing():
    assert MeaningSearch.of(["fever", "rash"], embed, BY).best("", 2) == []


@given(st.lists(st.permutations(range(6)).map(lambda some: list(some)[:4]), min_size=1, max_size=3))
def test_fusion_scores_as_in_the_paper(rankings):
    wanted = {
        item: sum(1 / (60 + ranking.index(item) + 1) for ranking in rankings if item in ranking)
        for item in set(itertools.chain(*rankings))
    }
    found = fused(rankings, 6)
    assert dict(found) == pytest.approx(wanted)
    assert [score for _, score in found] == sorted(wanted.values(), reverse=True)


def saved(folder):
    texts = ["the cough", "pyrexia", "the rash"]
    passages = [Passage(id=str(number), title="", text=text) for number, text in enumerate(texts)]
    save_index(PassageIndex.of(passages, ORIGIN, (embed, BY)), folder)
    return folder


def test_another_word_for_the_same_thing_is_found(tmp_path):
    asked_for = []
    index = load_index(saved(tmp_path / "index"), lambda by: asked_for.append(by) or embed)
    assert asked_for == [BY]
    assert index.search("fever", 1)[0].passage.text == "pyrexia"
    both = index.search("the fever", 3)
    assert {one.passage.id for one in both} == {"0", "1", "2"}


def test_a_word_that_only_one_passage_has_counts_beside_the_meaning(tmp_path):
    """By meaning alone that passage would be the last of the three."""
    texts, question = ["pyrexia", "pyrexia cough", "rash naproxen"], "fever fever naproxen"
    passages = [Passage(id=str(number), title="", text=text) for number, text in enumerate(texts)]
    save_index(PassageIndex.of(passages, ORIGIN, (embed, BY)), tmp_path / "index")
    index = load_index(tmp_path / "index", lambda _: embed)
    near = MeaningSearch.of(texts, embed, BY).best(question, 3)
    assert [number for number, _ in near] == [0, 1, 2]
    found = index.search(question, 3)
    assert [one.passage.id for one in found] == ["2", "0", "1"]
    assert found[0].score == pytest.approx(1 / 61 + 1 / 63)
    assert [one.passage.id for one in index.search(question, 1)] == ["2"]


@pytest.mark.parametrize("vectors", [np.zeros((2, 4), np.float32), np.zeros((3, 4)), np.zeros(3, np.float32)])
def test_vectors_of_another_index_are_told(tmp_path, vectors):
    folder = saved(tmp_path / "index")
    np.save(folder / "vectors.npy", vectors)
    with pytest.raises(DataError, match="vectors of shape"):
        load_index(folder, lambda _: embed)


def test_vectors_are_never_unpickled(tmp_path):
    folder = saved(tmp_path / "index")
    np.save(folder / "vectors.npy", np.array([{"code": "could run"}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="vectors cannot be read"):
        load_index(folder, lambda _: embed)
