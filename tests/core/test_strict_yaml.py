"""Only plain values are read from YAML; anything else is refused quickly, with its place."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import RecipeError
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.strict_yaml import MOST_CHARACTERS, parse_yaml


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !!python/object/apply:os.system [ls]", "r.yaml:1:4: could not determine a constructor"),
        ("a: !mine 1", "r.yaml:1:4: could not determine a constructor for the tag '!mine'"),
        ("a: &x 1\nb: *x", "r.yaml:2:4: aliases (*name) are not used in recipes"),
        ("a: 1\nb: {c: 1, c: 2}", "r.yaml:2:11: the key 'c' stands here twice"),
        ("a: 1\nb: 2\na: 3", "r.yaml:3:1: the key 'a' stands here twice"),
        ("<<: {seed: 1}", "r.yaml:1:1: could not determine a constructor"),
        ("? [a]\n: 1", "r.yaml:1:3: a key must be a plain word"),
        ("? {a: 1}\n: 1", "r.yaml:1:3: a key must be a plain word"),
        ("a: [1", "r.yaml:1:6: expected ',' or ']'"),
        ("\ta: 1", "r.yaml:1:1: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2", "r.yaml:2:1: but found another document"),
        ("a: \x00", "r.yaml: unacceptable character #x0000"),
        ('a: "\\ud800"', "r.yaml:1:4: this value cannot be read"),
        ("a: 2001-99-99", "r.yaml:1:4: this value cannot be read (month must be in 1..12)"),
        ("a: !!int x", "r.yaml:1:4: this value cannot be read"),
        ("a: !!float x", "r.yaml:1:4: this value cannot be read"),
        ("a: !!bool x", "r.yaml:1:4: this value cannot be read"),
        ("a: !!timestamp x", "r.yaml:1:4: this value cannot be read"),
        ("a: !!int ''", "r.yaml:1:4: this value cannot be read"),
        ("a: " + "1" * 5000, "r.yaml:1:4: this value cannot be read"),
    ],
)
def test_yaml_that_is_more_than_plain_values_is_refused_with_its_place(
    text: str, said: str, refused: Callable[..., str]
):
    assert refused(text).startswith(said)


BOMBS = {
    "nested lists": lambda size: "[" * (size - 1),
    "nested mappings": lambda size: "{a: " * (size // 5),
    "nested dashes": lambda size: "- " * (size // 2),
    "many keys": lambda size: "".join(f"k{number}: 1\n" for number in range(size // 10)),
    "many values": lambda size: "seed: [" + "1, " * (size // 4) + "]",
    "a table": lambda size: "a,b,c\n" * (size // 7),
    "one long value": lambda size: "seed: " + "x" * (size - 6),
    "one long choice": lambda size: "data: {format: " + "x" * (size - 16) + "}",
    "one long key": lambda size: "x" * (size - 3) + ": 1",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_mistaken_or_hostile_file_is_refused_with_a_short_message(
    bomb: Callable[[int], str], refused: Callable[..., str]
):
    assert len(refused(bomb(MOST_CHARACTERS))) < 5000


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_what_a_hostile_file_costs_grows_no_faster_than_the_file(
    bomb: Callable[[int], str], refused: Callable[..., str]
):
    size = MOST_CHARACTERS // 20
    assert calls_of(lambda: refused(bomb(2 * size))) < 2.2 * calls_of(lambda: refused(bomb(size)))


def calls_of(work: Callable[[], object]) -> int:
    """How many functions of Python are called."""
    count = 0

    def seen(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_a_file_of_more_characters_is_refused_before_it_is_read(refused: Callable[..., str]):
    text = "a: " + "x" * MOST_CHARACTERS
    assert refused(text) == f"r.yaml has more than {MOST_CHARACTERS:,} characters."
    assert calls_of(lambda: refused(text)) < 100


def test_values_that_multiply_themselves_are_refused(refused: Callable[..., str]):
    laughs = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "aliases (*name) are not used in recipes" in refused(laughs)


@given(
    st.text(max_size=60)
    | st.text(alphabet=st.sampled_from("ab:-[]{},&*!?|>'\"%@#\n\t 0123456789.e_<~\\"), max_size=60)
)
def test_any_text_that_is_no_recipe_gives_one_recipe_error(text: str):
    # Any other exception would be a traceback for the user; a text this short never holds a whole recipe.
    with pytest.raises(RecipeError, match=r"^r\.yaml"):
        recipe_from(parse_yaml(text, "r.yaml"), where="r.yaml")
