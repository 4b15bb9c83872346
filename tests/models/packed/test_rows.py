"""How rows lie behind each other, and in which blocks they attend."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from medadapt.models.packed.rows import (
    FREE_WASTE,
    MOST_WASTE,
    Branch,
    pack_branches,
    pack_rows,
    shared_length,
)
from medadapt.models.sizes import rounded_up

ROWS = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=70), min_size=1, max_size=12)


@given(ROWS)
def test_every_token_has_its_row_and_place(rows):
    packed = pack_rows(rows)
    flat = [token for row in rows for token in row]
    assert packed.tokens_N.tolist()[: len(flat)] == flat
    assert packed.positions_N.tolist()[: len(flat)] == [place for row in rows for place in range(len(row))]


@given(ROWS)
def test_every_token_attends_once_and_among_its_own_row(rows):
    packed = pack_rows(rows)
    starts = [sum(map(len, rows[:number])) for number in range(len(rows))]
    own = {start: list(range(start, start + len(row))) for start, row in zip(starts, rows, strict=True)}
    seen = []
    for block in packed.blocks:
        for line, places in enumerate(block.places_BT.tolist()):
            real = places if block.real_BT is None else [
                place for place, is_real in zip(places, block.real_BT[line].tolist(), strict=True) if is_real
            ]  # fmt: skip
            assert real == own[real[0]]
            assert set(places) == set(real)
            seen += real
    assert sorted(seen) == list(range(sum(map(len, rows))))


@given(st.lists(st.integers(1, 99), min_size=1, max_size=9), ROWS)
def test_what_rows_begin_with_stands_once_and_is_seen_by_each(beginning, ends):
    rows = [[*beginning, *end] for end in ends]
    packed = pack_rows(rows, shared=len(beginning))
    for number, row in enumerate(rows):
        places = packed.places(number, np.arange(len(row)))
        assert packed.tokens_N[places].tolist() == row
        assert packed.positions_N[places].tolist() == list(range(len(row)))
        assert places[: len(beginning)].tolist() == list(range(len(beginning)))
    lines = {}
    for block in packed.blocks[1:]:
        for seen, own in zip(block.seen_BS.tolist(), block.places_BT.tolist(), strict=True):
            assert seen == [*range(len(beginning)), *own]
            lines[own[0]] = sorted(set(own))
    assert lines == {
        start: list(range(start, start + len(end))) for start, end in zip(packed.starts, ends, strict=True)
    }


@given(st.lists(st.lists(st.integers(0, 2), max_size=6), max_size=5))
def test_the_shared_length_is_that_of_the_longest_common_beginning(rows):
    length = shared_length(rows)
    assert len({tuple(row[:length]) for row in rows}) <= 1
    assert not rows or any(len(row) == length for row in rows) or len({row[length] for row in rows}) > 1


@given(ROWS)
def test_little_of_a_block_is_padding_before_its_length_is_rounded(rows):
    for block in pack_rows(rows).blocks:
        if block.real_BT is None:
            continue
        longest = int(block.real_BT.sum(1).max())
        places = longest * len(block.real_BT)
        assert places - int(block.real_BT.sum()) <= max(MOST_WASTE * places, FREE_WASTE)


@given(st.integers(1, 10**6), st.sampled_from([8, 32]))
def test_a_rounded_size_holds_the_size_and_wastes_little(size, least):
    rounded = rounded_up(size, least=least)
    assert rounded % least == 0
    assert size <= rounded < size + max(least, size / 8 + 1)


def test_there_are_few_sizes():
    assert len({rounded_up(size, least=32) for size in range(1, 4097)}) <= 70


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=8))
def test_every_token_of_a_branch_sees_what_comes_before_it(shapes):
    """The first branch is seen by those that are marked."""
    branches = [Branch(tokens=[1, 2, 3])]
    branches += [
        Branch(tokens=[4] * length, start=3, after=(0,) if grown else ()) for length, grown in shapes
    ]
    starts = [sum(len(branch.tokens) for branch in branches[:number]) for number in range(len(branches))]
    wanted = {}
    for start, branch in zip(starts, branches, strict=True):
        before = [0, 1, 2] if branch.after else []
        for place in range(len(branch.tokens)):
            wanted[start + place] = [*before, *range(start, start + place + 1)]
    found = {}
    for block in pack_branches(branches).blocks:
        for line, places in enumerate(block.places_BT.tolist()):
            for step, place in enumerate(places):
                if block.sees_BTS is None:
                    found[place] = places[: places.index(place) + 1]
                    continue
                sees, seen = block.sees_BTS[line, step].tolist(), block.seen_BS[line].tolist()
                found[place] = [one for one, is_seen in zip(seen, sees, strict=True) if is_seen]
    assert found == wanted
