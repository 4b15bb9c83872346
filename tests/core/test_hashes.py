"""Hashes tell what changed; the seeded order is fixed by key and seed alone."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.hashes import seeded_order, sha256_file, sha256_object, sha256_text

KEYS = st.lists(st.text(max_size=8), unique=True, max_size=12)
LETTERS = "abcdefghij"


def test_text_is_hashed_in_utf8():
    assert sha256_text("µg") == hashlib.sha256(b"\xc2\xb5g").hexdigest()


def test_a_lone_surrogate_can_be_hashed_and_is_kept_apart():
    assert sha256_text("\ud800") != sha256_text("\ud801") != sha256_text("?")


def test_a_file_is_hashed_beyond_its_first_piece(tmp_path: Path):
    content = os.urandom((1 << 20) + 7)
    (tmp_path / "f").write_bytes(content)

    assert sha256_file(tmp_path / "f") == hashlib.sha256(content).hexdigest()


def test_the_order_of_keys_does_not_change_a_hash():
    assert sha256_object({"a": 1, "b": {"c": 2, "d": 3}}) == sha256_object({"b": {"d": 3, "c": 2}, "a": 1})


def test_every_value_changes_a_hash():
    values = [{}, {"a": 1}, {"a": "1"}, {"a": None}, {"b": 1}, [1, 2], [2, 1], "a", 1]

    assert len({sha256_object(value) for value in values}) == len(values)


@given(KEYS, st.integers(0, 2**63), st.randoms(use_true_random=False))
def test_the_seeded_order_does_not_depend_on_the_order_of_the_input(
    keys: list[str], seed: int, shuffler: random.Random
):
    shuffled = list(keys)
    shuffler.shuffle(shuffled)

    assert seeded_order(shuffled, seed, key=str) == seeded_order(keys, seed, key=str)


@given(KEYS, st.text(max_size=8), st.integers(0, 2**31))
def test_one_more_item_never_reshuffles_the_rest(keys: list[str], more: str, seed: int):
    longer = seeded_order({*keys, more}, seed, key=str)

    assert [k for k in longer if k in keys] == seeded_order(keys, seed, key=str)


def test_another_seed_gives_another_order():
    orders = {tuple(seeded_order(LETTERS, seed, key=str)) for seed in range(20)}

    assert len(orders) == 20


def test_every_item_has_the_same_chance_to_come_first():
    first = [seeded_order(LETTERS, seed, key=str)[0] for seed in range(2000)]

    # 200 expected of each; 6 standard deviations are 80.
    assert all(120 < first.count(letter) < 280 for letter in LETTERS)


def test_the_order_is_the_same_in_another_process():
    code = "from medadapt.core.hashes import seeded_order; print(''.join(seeded_order('abcdefghij', 7, key=str)))"
    other = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert other.stdout.strip() == "".join(seeded_order(LETTERS, 7, key=str))
