from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.records.likeness.grams import gram_sets
from medadapt.records.likeness.near_duplicates import near_clusters, near_matches


def grams(text: str) -> set[str]:
    return {text[place : place + 5] for place in range(max(1, len(text) - 4))}


def near(one: str, other: str) -> bool:
    """The definition, character by character."""
    first, second = grams(one), grams(other)
    return 5 * len(first & second) >= 4 * len(first | second)


def brute_force_clusters(texts: list[str]) -> list[int]:
    cluster = list(range(len(texts)))
    for one in range(len(texts)):
        for other in range(one):
            if near(texts[one], texts[other]) and cluster[one] != cluster[other]:
                joined = {cluster[one], cluster[other]}
                cluster = [min(joined) if number in joined else number for number in cluster]
    return cluster


def altered_sentences(num: int, seed: int) -> list[str]:
    """Sentences around a few originals, some of them changed by a letter or a word."""
    draw = random.Random(seed)
    words = [
        "pain",
        "fever",
        "cough",
        "gout",
        "renal",
        "liver",
        "acute",
        "chronic",
        "nerve",
        "blood",
        "joint",
        "skin",
        "the",
        "of",
        "in",
        "with",
    ]
    originals = [" ".join(draw.choices(words, k=draw.randint(1, 14))) for _ in range(num // 4)]
    texts = []
    for _ in range(num):
        text = draw.choice(originals)
        for _ in range(draw.randint(0, 3)):
            place = draw.randrange(len(text) + 1)
            text = text[:place] + draw.choice(["x", "", " very"]) + text[place + draw.randint(0, 1) :]
        texts.append(text)
    return texts


TEXTS = st.lists(st.text(alphabet="abc ", max_size=25), max_size=12)


@given(TEXTS)
def test_clusters_equal_brute_force_on_any_texts(texts: list[str]) -> None:
    assert near_clusters(texts) == brute_force_clusters(texts)


@pytest.mark.parametrize("seed", range(4))
def test_clusters_equal_brute_force_on_altered_sentences(seed: int) -> None:
    texts = altered_sentences(120, seed)
    expected = brute_force_clusters(texts)
    assert near_clusters(texts) == expected
    assert 5 < len(set(expected)) < 115  # neither all alone nor all together: the comparison has teeth


@given(TEXTS, TEXTS)
def test_a_match_is_near_and_is_found_wherever_brute_force_finds_one(
    queries: list[str], corpus: list[str]
) -> None:
    for query, match in zip(queries, near_matches(queries, corpus), strict=True):
        if match is None:
            assert not any(near(query, text) for text in corpus)
        else:
            assert near(query, corpus[match])


def test_thousands_of_texts_that_are_nearly_all_alike_are_one_cluster_at_once() -> None:
    shared = " ".join(f"sentence {n} of a long preamble" for n in range(20))
    texts = [f"{shared} {n}" for n in range(3000)]
    assert set(near_clusters(texts)) == {0}
    assert None not in near_matches(texts[:500], texts[500:])


@given(TEXTS)
def test_gram_sets_have_the_sizes_and_overlaps_of_the_definition(texts: list[str]) -> None:
    sets = [set(numbers.tolist()) for numbers in gram_sets(texts)]
    for one, text in zip(sets, texts, strict=True):
        for other, second in zip(sets, texts, strict=True):
            assert len(one & other) == len(grams(text) & grams(second))


def test_chains_of_near_texts_are_one_cluster() -> None:
    base = "abcdefghijklmnopqrstuvwxyz0123456789"
    chain = [base, base[2:] + "AA", base[4:] + "AABB"]
    assert near(chain[0], chain[1])
    assert not near(chain[0], chain[2])
    assert near_clusters(chain) == [0, 0, 0]
