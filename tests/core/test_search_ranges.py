from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.search_ranges import Choice, Range, flat_keys, read_spec


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        ({"log": [5e-5, 5e-4]}, Range(kind="log", low=5e-5, high=5e-4)),
        ({"log": ["5e-5", "5e-4"]}, Range(kind="log", low=5e-5, high=5e-4)),
        ({"uniform": [-1, 2]}, Range(kind="uniform", low=-1, high=2)),
        ({"int": [4, 32]}, Range(kind="int", low=4, high=32)),
        ({"choice": ["nf4", "none"]}, Choice(values=("nf4", "none"))),
        ([8, 16, 8], Choice(values=(8, 16))),
    ],
)
def test_each_form_of_a_range_is_read(value: object, spec: Range | Choice):
    assert read_spec(value) == spec


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"uniform": [2, 2]}, "from 2 to 2 is empty"),
        ({"uniform": [3, 2]}, "from 3 to 2 is empty"),
        ({"log": [0, 1]}, "must start above 0"),
        ({"log": [-1, 1]}, "must start above 0"),
        ({"int": [1, 2.5]}, "int takes whole numbers"),
        ({"int": [1]}, r"int takes \[low, high\]"),
        ({"log": [1, "x"]}, "'x' is no number"),
        ({"log": [True, 2]}, "True is no number"),
        ({"uniform": [0, math.inf]}, "inf is no number"),
        ({"uniform": [0, 10**400]}, "is no number"),
        ([], "the list is empty"),
        ({"choice": []}, "the list is empty"),
        ({"choice": 3}, "choice takes a list"),
        ({"log": [1, 2], "int": [1, 2]}, "is no range; give"),
        ({"lognormal": [1, 2]}, "is no range; give"),
        (3, "is no range; give"),
        (None, "is no range; give"),
    ],
)
def test_what_is_no_range_is_refused_with_the_reason(value: object, said: str):
    with pytest.raises(ValueError, match=said):
        read_spec(value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["log", "uniform", "int", "choice", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)


@given(plain)
def test_any_value_is_a_range_or_a_told_mistake(value: object):
    try:
        spec = read_spec(value)
    except ValueError:
        return  # told; any other exception fails this test

    assert spec.probes


def test_nested_sections_become_dotted_keys_and_ranges_stay_whole():
    nested = {"training": {"learning_rate": {"log": [1, 2]}}, "lora.rank": [4], "lora": {"alpha": [1]}}

    assert flat_keys(nested) == {
        "training.learning_rate": {"log": [1, 2]},
        "lora.rank": [4],
        "lora.alpha": [1],
    }
