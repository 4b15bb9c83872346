"""The proof card in the terminal: what stands first, bars that say the truth, and harmless text."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from medadapt.cli import console as console_module
from medadapt.cli import show_card as module
from medadapt.cli.show import show_outcome
from medadapt.cli.show_card import BLOCKS, bar_text, show_card
from medadapt.report.bars import Bar
from medadapt.workflow.outcome import Outcome

PLACE = st.floats(0, 100)


def estimate(value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "n": 60}


def metrics(**changes: Any) -> dict[str, Any]:
    """A diagnosis run whose gain is shown, below a lookup."""
    return {
        "task": "diagnosis",
        "primary": "accuracy",
        "n": 60,
        "alpha": 0.05,
        "protocol": {"base": "sample:base"},
        "baseline": {"accuracy": estimate(0.1, 0.04, 0.2), "macro_f1": estimate(0.05, 0.02, 0.1)},
        "tuned": {"accuracy": estimate(0.7, 0.6, 0.8), "macro_f1": estimate(0.65, 0.5, 0.75)},
        "difference": {
            "accuracy": {"value": 0.6, "low": 0.45, "high": 0.7, "p": 1e-6, "test": "t", "verdict": "better"},
            "macro_f1": {"value": 0.6, "low": 0.4, "high": 0.7, "p": 1e-6, "test": "t", "verdict": "better"},
        },
        "controls": {"majority": {"accuracy": estimate(0.05, 0.01, 0.1)},
                     "nearest_neighbour": {"accuracy": estimate(0.9, 0.8, 0.95)}},
        "against_control": {"name": "nearest_neighbour", "metric": "accuracy", "value": -0.2, "low": -0.3,
                            "high": -0.1, "p": 0.01, "verdict": "worse"},
        "leakage": {"exact": 0, "near": 3, "gated": ["exact"], "threshold": 0.8},
        "rates": {},
        "findings": [],
    } | changes  # fmt: skip


def drawn(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, width: int = 80, terminal: bool = True,
    whole: bool = True, encoding: str = "utf-8",
) -> str:  # fmt: skip
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    console = Console(file=file, force_terminal=terminal, width=width, color_system=None, highlight=False,
                      soft_wrap=not terminal)  # fmt: skip
    monkeypatch.setattr(module, "results", console)
    monkeypatch.setattr(console_module, "results", console)  # it knows which signs the terminal has
    show_card(values, whole=whole)
    file.flush()
    return file.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


@given(low=PLACE, value=PLACE, high=PLACE, width=st.integers(1, 60))
def test_a_bar_fills_its_width_and_ends_where_value_and_interval_do(low, value, high, width):
    low, value, high = sorted((low, value, high))
    text = bar_text(Bar(name="", role="tuned", text="", value=value, low=low, high=high), width).plain

    solid, below, above = BLOCKS
    assert len(text) == width
    assert text.count(solid) == round(low * width / 100)
    assert text.count(solid) + text.count(below) == round(value * width / 100)
    assert len(text.rstrip()) == round(high * width / 100)
    assert list(text) == sorted(text, key=[solid, below, above, " "].index)


def test_a_bar_without_an_interval_is_full():
    bar = Bar(name="", role="control", text="", value=50.0, low=None, high=None)
    assert bar_text(bar, 10).plain == "█████     "
    assert bar_text(bar, 10, ascii_only=True).plain == "#####     "


@pytest.mark.parametrize("width", [60, 80, 120])
def test_verdict_comes_first_and_no_line_is_wider_than_the_terminal(width, monkeypatch):
    text = drawn(metrics(), monkeypatch, width=width)
    lines = [line for line in text.splitlines() if line.strip()]
    assert max(map(len, lines)) <= width
    assert "Did tuning help?" in lines[0]
    assert next(line for line in lines[1:] if line.strip("│ ")).split()[1] == "BETTER"


def test_doubts_controls_and_leakage_stand_on_the_card(monkeypatch):
    text = words(metrics(), monkeypatch)
    assert "But copying the answer of the most similar training record scores better" in text
    assert "Worse than a simple control. −20.0 points (95% interval −30.0 to −10.0 points, p = 0.010)" in text
    assert "90.0% (80.0 to 95.0%)" in text  # the control's bar
    assert "Of 60 test records none stand word for word in the data seen, 3 nearly so." in text
    assert "not a medical device" in text


def words(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> str:
    """The card as one line, without its frame."""
    return " ".join(drawn(values, monkeypatch, width=100).replace("│", " ").split())


FULL = {
    "controls": {
        name: {"accuracy": estimate(0.3, 0.2, 0.4)}
        for name in ("majority", "nearest_neighbour", "class_prior", "tfidf", "longest_option", "options_only",
                     "few_shot")
    },
    "against_few_shot": {"metric": "accuracy", "value": 0.1, "low": -0.02, "high": 0.2, "p": 0.09,
                         "verdict": "not shown"},
    "clean": {
        "n": 50,
        "baseline": {"accuracy": estimate(0.1, 0.04, 0.2)},
        "tuned": {"accuracy": estimate(0.7, 0.6, 0.8)},
        "difference": {"accuracy": {"value": 0.6, "low": 0.45, "high": 0.7, "p": 1e-6, "verdict": "better"}},
    },
}  # fmt: skip
"""What a run with every control and a clean subset adds."""


def test_the_base_with_examples_and_the_clean_subset_have_a_line_each(monkeypatch):
    text = words(metrics(**FULL), monkeypatch)
    assert "not shown to be better than the base with examples in its prompt" in text
    assert (
        "No better than the base with examples. +10.0 points (95% interval −2.0 to +20.0 points, p = 0.090)."
        in text
    )
    assert "Also better on clean records. +60.0 points" in text
    assert "on the 50 without overlap" in text


def test_the_whole_proof_fits_a_small_terminal(monkeypatch):
    lines = drawn(metrics(**FULL), monkeypatch, whole=False).splitlines()
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if line.strip("│╭╮╰╯─ ")]) <= 31


def test_all_metrics_are_a_table_only_where_asked(monkeypatch):
    assert "Macro F1" in drawn(metrics(), monkeypatch)
    assert "Macro F1" not in drawn(metrics(), monkeypatch, whole=False)


def test_an_evaluation_changed_after_training_is_told_before_all_else(monkeypatch):
    reason = "the evaluation was changed after the training had begun"
    changed = metrics(protocol={"base": "b", "fixed_before_tuning": False, "fixed_reason": reason})
    text = words(changed, monkeypatch)
    told = text.index(
        "Protocol not fixed before tuning. The evaluation was changed after the training had begun: "
    )
    assert told < text.index("Worse than a simple control.")
    for fixed in (True, None):
        kept = metrics(protocol={"base": "b", "fixed_before_tuning": fixed})
        assert "before tuning" not in words(kept, monkeypatch)


def test_the_table_says_where_its_p_values_are_adjusted(monkeypatch):
    values = metrics()
    assert "adjusted" not in words(values, monkeypatch)
    values["difference"]["macro_f1"] |= {"p": 0.02, "p_adjusted": 0.08}
    text = words(values, monkeypatch)
    assert "p = 0.080" in text
    assert "p of 1 secondary metric adjusted for their number (Holm)" in text


def test_open_answers_are_also_drawn_by_the_metric_of_the_control(monkeypatch):
    open_task = metrics(
        task="qa",
        primary="bits_per_byte",
        baseline={"bits_per_byte": estimate(1.2, 1.1, 1.3), "token_f1": estimate(0.1, 0.08, 0.12)},
        tuned={"bits_per_byte": estimate(0.8, 0.7, 0.9), "token_f1": estimate(0.4, 0.35, 0.45)},
        difference={"bits_per_byte": {"value": -0.4, "low": -0.5, "high": -0.3, "p": 1e-4, "test": "t",
                                      "verdict": "better"}},
        controls={"nearest_neighbour": {"bits_per_byte": estimate(None), "token_f1": estimate(0.3, 0.2, 0.4)}},
        against_control={"name": "nearest_neighbour", "metric": "token_f1", "value": 0.1, "low": 0.02,
                         "high": 0.2, "p": 0.01, "verdict": "better"},
    )  # fmt: skip
    text = drawn(open_task, monkeypatch)
    primary, compared = text.index("Bits per byte (lower is better"), text.index("Token F1 (95%")
    assert primary < compared < text.index("Nearest training record")
    assert text.count("Base model") == 2


def test_a_pipe_gets_whole_sentences_and_no_frame(monkeypatch):
    text = drawn(metrics(), monkeypatch, terminal=False, width=40)
    assert "│" not in text
    assert any(len(line) > 150 for line in text.splitlines())


def test_a_terminal_without_utf8_gets_plain_bars(monkeypatch):
    text = drawn(metrics(), monkeypatch, encoding="ascii")
    assert "###" in text
    assert "?" not in text.replace("Did tuning help?", "")


def test_names_of_the_data_cannot_steer_the_terminal(monkeypatch):
    text = drawn(metrics(protocol={"base": "evil\x1b[31m\x07[bold]"}), monkeypatch, terminal=False)
    assert "evil[bold]" in text
    assert "\x1b" not in text


def test_a_failed_gate_is_told_on_stderr(monkeypatch, capsys):
    finding = {"kind": "leak", "exit_code": 3, "problem": "Two records leaked.", "remedy": "Split by group."}
    assert "leaked" not in drawn(metrics(findings=[finding]), monkeypatch).replace("Test data leaked", "")
    assert "Two records leaked. Split by group." in capsys.readouterr().err


def test_what_only_the_gate_holds_against_a_run_is_told_on_stderr(capsys):
    finding = {"kind": "not_measured", "exit_code": 3, "problem": "It was not measured.", "remedy": "Do so."}
    outcome = Outcome(
        folder=Path("r"), status="done", smoke=False, ran=("score",), skipped=(), metrics=metrics(),
        findings=(finding,), report=None, exit_code=3,
    )  # fmt: skip
    show_outcome(outcome, as_json=False)
    assert "It was not measured. Do so." in " ".join(capsys.readouterr().err.split())


def test_a_share_that_only_rounds_to_nothing_is_shown(monkeypatch):
    rates = {"baseline": {"truncated": 0.0, "empty": 0.0}, "tuned": {"truncated": 0.0, "empty": 1 / 2500}}
    text = words(metrics(rates=rates), monkeypatch)
    assert "Nothing written: base 0.0%, tuned < 0.1%" in text
    assert "shortened" not in text
