"""How figures read."""

from __future__ import annotations

import pytest

from medadapt.report import wording


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("accuracy", 0.78689, "78.7%"),
        ("accuracy", 1.0, "100.0%"),
        ("accuracy", 0.0, "0.0%"),
        ("accuracy", 1 / 2500, "< 0.1%"),
        ("accuracy", 2499 / 2500, "> 99.9%"),
        ("loss", 2.34567, "2.346"),
        ("perplexity", 14321.9, "14,322"),
        ("perplexity", 997.68, "997.7"),
        ("perplexity", 3.2e9, "3.20e+09"),
        ("bits_per_byte", None, "–"),
    ],
)
def test_values_read_in_their_unit(key: str, value: float | None, text: str) -> None:
    assert wording.metric_value(key, value) == text


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("accuracy", 0.754, "+75.4 points"),
        ("accuracy", -0.016, "−1.6 points"),
        ("accuracy", 0.0, "0 points"),
        ("accuracy", 0.0002, "+0.02 points"),
        ("loss", -0.0001234, "−0.0001"),
        ("loss", -1.5, "−1.500"),
        ("loss", None, "–"),
    ],
)
def test_differences_show_their_sign_and_never_round_to_a_false_zero(
    key: str, value: float | None, text: str
) -> None:
    assert wording.metric_change(key, value) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (0.162, "16 points"),
        (0.0096, "1 point"),
        (0.00949, "0.9 points"),
        (0.00315, "0.3 points"),
        (2e-4, "0.02 points"),
    ],
)
def test_what_a_large_test_set_can_show_is_not_rounded_up_to_a_point(difference: float, text: str) -> None:
    said = wording.detectable("accuracy", difference, "why")
    assert said == f"a true difference of about {text} (why) is shown in 80% of such test sets"


@pytest.mark.parametrize(
    ("one", "other", "texts"),
    [
        (0.97, 0.98, ("97.0%", "98.0%")),
        (0.9841, 0.9844, ("98.41%", "98.44%")),
        (0.5, 0.5, ("50.0%", "50.0%")),
        (0.999999, 1.0, ("99.9999%", "100.0000%")),
    ],
)
def test_two_shares_get_the_decimals_that_tell_them_apart(
    one: float, other: float, texts: tuple[str, str]
) -> None:
    assert wording.told_apart(one, other) == texts


def test_an_interval_names_its_unit_once() -> None:
    leaf = {"value": 0.787, "low": 0.669, "high": 0.871}
    assert wording.estimate("accuracy", leaf) == "78.7% (66.9 to 87.1%)"
    assert wording.change_interval("accuracy", {"low": -0.05, "high": 0.1}) == "−5.0 to +10.0 points"


def test_a_value_without_an_interval_stands_alone() -> None:
    assert wording.estimate("loss", {"value": 1.0, "low": None, "high": None}) == "1.000"
    assert wording.estimate("loss", {"value": None}) == "–"
    assert wording.estimate("loss", None) == "–"


@pytest.mark.parametrize(("p", "text"), [(1e-9, "< 0.001"), (0.0314, "0.031"), (0.63, "0.63"), (1.0, "1.00")])
def test_p_values_keep_the_digits_that_matter(p: float, text: str) -> None:
    assert wording.p_value(p) == text


def test_counts_and_times_read_naturally() -> None:
    assert wording.amount(1, "record") == "1 record"
    assert wording.amount(12928, "record") == "12,928 records"
    assert wording.duration(1312.0) == "21 min 52 s"
    assert wording.duration(7260) == "2 h 01 min"
    assert wording.confidence(0.05) == "95%"
    assert wording.confidence(0.025) == "97.5%"
    assert wording.confidence(0.00001) == "99.999%"
