"""Predictions that were cut, edited or exchanged, and test sets too small for a metric, through the commands."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from measured_runs import diagnoses, measured_run, predicted, write_measured
from medadapt.core.errors import MedAdaptError
from medadapt.core.files import parse_json

TRUTH = ["Flu", "Cold"] * 6
Lines = list[str]


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A measured run of twelve test records."""
    return measured_run(finished, tmp_path / "run", diagnoses(TRUTH), baseline=TRUTH[::-1], tuned=TRUTH)


def edited(lines: Lines, place: int, **changes: Any) -> Lines:
    """The lines with other values in one of them."""
    return [*lines[:place], json.dumps(json.loads(lines[place]) | changes), *lines[place + 1 :]]


def without(lines: Lines, place: int, key: str) -> Lines:
    row = json.loads(lines[place])
    del row[key]
    return [*lines[:place], json.dumps(row), *lines[place + 1 :]]


DAMAGE: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "cut": (lambda lines: [*lines[:-1], lines[-1][:50]], r"tuned\.jsonl:12 is damaged"),
    "last line gone": (lambda lines: lines[:-1], r"tuned\.jsonl ends after line 11, .* 12 records"),
    "no JSON": (
        lambda lines: [lines[0], lines[1].replace(":", ";"), *lines[2:]],
        r"tuned\.jsonl:2 is damaged",
    ),
    "a type": (lambda lines: edited(lines, 3, nll="low"), r"tuned\.jsonl:4 .*`nll` is 'low'"),
    "a likelihood above 1": (lambda lines: edited(lines, 3, nll=-5.0), r"tuned\.jsonl:4 .*not below 0"),
    "a longer reference": (
        lambda lines: edited(lines, 2, num_bytes=300),
        r"tuned\.jsonl, line 3: .* 300 bytes, but",
    ),
    "nothing scored": (
        lambda lines: edited(lines, 1, scores=None, probabilities=None, choice=None),
        r"tuned\.jsonl:2 .*no label or option was scored",
    ),
    "a missing key": (lambda lines: without(lines, 4, "scores"), r"tuned\.jsonl:5 .*lacks `scores`"),
    "a choice": (
        lambda lines: edited(lines, 5, choice="Gout"),
        r"tuned\.jsonl:6 .*'Gout', which was not scored",
    ),
    "other test set": (
        lambda lines: [line.replace('"id": "t', '"id": "x') for line in lines],
        r"tuned\.jsonl is of another test set",
    ),
    "twice": (lambda lines: [*lines[:-1], lines[0]], r"tuned\.jsonl:12 .*of record t0000, and so is line 1"),
    "order": (lambda lines: lines[::-1], r"tuned\.jsonl has record t0011 in line 1, .*another order"),
    "other model": (
        lambda lines: [line.replace('"tuned"', '"baseline"') for line in lines],
        r"tuned\.jsonl:1 .*of the model 'baseline', not of tuned",
    ),
    "empty": (lambda lines: lines[:0], r"tuned\.jsonl is empty"),
}


@pytest.mark.parametrize(
    "words", [("score",), ("report", "--verify"), ("compare",)], ids=lambda words: words[-1]
)
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_with_file_line_and_remedy(run: Path, use, words, damage):
    change, told = DAMAGE[damage]
    path = run / "4-predictions" / "tuned.jsonl"
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))

    with pytest.raises(MedAdaptError) as problem:
        use(*words[:1], run, *([run] if words == ("compare",) else words[1:]))

    assert problem.value.exit_code == 2
    assert re.search(told, problem.value.problem)
    assert "predict" in problem.value.remedy or "run its stage again" in problem.value.remedy
    assert "4-predictions" in problem.value.problem


def test_bad_predictions_cost_neither_the_metrics_nor_what_other_commands_measured(run: Path, use):
    benchmark = run / "5-metrics" / "benchmarks" / "medqa.json"
    benchmark.parent.mkdir()
    benchmark.write_text("{}")
    metrics, page = (run / name for name in ("5-metrics/metrics.json", "6-report/index.html"))
    page.parent.mkdir(exist_ok=True)
    page.write_text("page")
    before = metrics.read_bytes()
    path = run / "4-predictions" / "tuned.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-60])

    with pytest.raises(MedAdaptError, match="is damaged"):
        use("score", run)

    assert (metrics.read_bytes(), page.read_text(), benchmark.exists()) == (before, "page", True)
    path.write_bytes(whole)
    code, _, _ = use("score", run)
    assert (code, benchmark.exists()) == (0, True)


def test_the_command_line_ends_with_2_and_no_traceback(run: Path, medadapt):
    path = run / "4-predictions" / "tuned.jsonl"
    path.write_bytes(path.read_bytes()[:-60])

    said = medadapt("score", run, "--json")

    assert said.code == 2
    assert "tuned.jsonl:12 is damaged" in said.err
    assert parse_json(said.out)["exit_code"] == 2


def scored(
    run: Path, use, *, truth: list[str], groups: list[str] | None, tuned: list[str]
) -> tuple[int, dict]:
    """Exit code and metrics.json of `medadapt score` on these test records."""
    records = diagnoses(truth, groups=groups)
    rows = [predicted(records, choices, model="") for choices in (["Cold"] * len(truth), tuned)]
    write_measured(run, records, *rows)
    shutil.rmtree(run / "5-metrics")
    code, _, _ = use("score", run)
    metrics = parse_json((run / "5-metrics" / "metrics.json").read_text())  # NaN would be refused
    return code, metrics


def test_one_test_record_has_values_but_no_interval_of_what_is_resampled(run: Path, use):
    code, metrics = scored(run, use, truth=["Flu"], groups=None, tuned=["Flu"])

    assert code == 0
    assert metrics["tuned"]["accuracy"]["value"] == 1
    assert metrics["tuned"]["loss"]["value"] == pytest.approx(1)
    assert metrics["tuned"]["loss"]["low"] is None
    assert metrics["tuned"]["loss"]["reason"] == "an interval needs test records of at least two groups"
    assert metrics["detectable_difference"] is None
    assert "at least 6 independent records" in metrics["detectable_reason"]
    assert {row["verdict"] for row in metrics["difference"].values()} == {"not shown"}


def test_one_group_is_one_independent_record(run: Path, use):
    code, metrics = scored(run, use, truth=TRUTH, groups=["same"] * 12, tuned=TRUTH)

    assert code == 0
    assert metrics["num_groups"] == 1
    for name in ("loss", "bits_per_byte", "macro_f1"):
        assert metrics["tuned"][name]["value"] is not None
        assert metrics["tuned"][name]["low"] is None
        assert metrics["tuned"][name]["reason"]
    assert metrics["difference"]["accuracy"]["verdict"] == "not shown"
    assert metrics["difference"]["loss"]["reason"] == "an interval needs test records of at least two groups"


def test_one_class_in_the_test_set_has_a_macro_f1_of_its_own_and_no_certainty(run: Path, use):
    code, metrics = scored(run, use, truth=["Flu"] * 12, groups=None, tuned=["Flu"] * 12)

    assert code == 0
    assert metrics["tuned"]["macro_f1"] == {
        "value": 1.0,
        "low": None,
        "high": None,
        "n": 12,
        "reason": "resampling these decisions shows no spread; see the interval of the accuracy",
    }
    assert metrics["baseline"]["macro_f1"]["value"] == 0
    assert metrics["difference"]["accuracy"]["verdict"] == "better"


def test_a_metric_without_predictions_for_it_is_null_with_its_reason_and_a_failed_gate_still_ends_with_3(
    run: Path, use
):
    records = diagnoses(TRUTH)
    rows = [predicted(records, choices, model="") for choices in (TRUTH, TRUTH[::-1])]
    write_measured(run, records, *rows)
    for name in ("baseline", "tuned"):
        path = run / "4-predictions" / f"{name}.jsonl"
        path.write_text("".join(json.dumps(json.loads(line) | {"nll": None}) + "\n" for line in path.open()))
    shutil.rmtree(run / "5-metrics")

    code, _, _ = use("score", run)

    assert code == 3  # every answer that was right became wrong
    metrics = parse_json((run / "5-metrics" / "metrics.json").read_text())
    for name in ("loss", "perplexity", "bits_per_byte"):
        assert metrics["tuned"][name]["value"] is None
        assert (
            metrics["tuned"][name]["reason"] == "the predictions hold no likelihood of the reference answers"
        )
        assert metrics["difference"][name]["reason"] == "not computed for both models"
    assert metrics["difference"]["accuracy"]["verdict"] == "worse"


def test_an_empty_test_set_is_refused(run: Path, use):
    write_measured(run, [], [], [])
    with pytest.raises(MedAdaptError, match="no test records") as problem:
        use("score", run)
    assert problem.value.exit_code == 2


def forge(path: Path) -> None:
    """Make every answer right, with scores and probabilities that agree with it."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row, right in zip(rows, TRUTH, strict=True):
        for key in ("scores", "probabilities"):
            row[key] = {right: max(row[key].values())} | {
                name: min(row[key].values()) for name in row[key] if name != right
            }
        row["choice"] = right
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_a_consistent_forgery_is_told_by_score_verify_and_compare(
    finished: Path, tmp_path: Path, use, medadapt
):
    run = measured_run(finished, tmp_path / "run", diagnoses(TRUTH), baseline=TRUTH, tuned=TRUTH[::-1])
    forge(run / "4-predictions" / "tuned.jsonl")

    code, _, _ = use("score", run)
    metrics = parse_json((run / "5-metrics" / "metrics.json").read_text())
    said = medadapt("report", run, "--verify", "--json")

    assert code == 3
    assert "4-predictions/tuned.jsonl" in metrics["findings"][0]["problem"]
    assert parse_json(said.out)["edited"] == ["4-predictions/tuned.jsonl"]
    assert said.code == 3
    with pytest.raises(MedAdaptError, match=r"4-predictions/tuned\.jsonl") as refused:
        use("compare", run, run)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("content", ["[]", "{}", '{"protocol": null}'])
def test_a_metrics_file_that_is_none_is_refused_with_the_way_to_make_it(run: Path, use, content):
    (run / "5-metrics" / "metrics.json").write_text(content)

    with pytest.raises(MedAdaptError, match=r"metrics\.json") as refused:
        use("report", run, "--verify")

    assert refused.value.exit_code == 2
    assert "medadapt score" in refused.value.remedy
