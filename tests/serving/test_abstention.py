import math

import pytest
from scipy import stats

from abstaining_run import with_validation
from medadapt.core.errors import DataError, MedAdaptError, RunFolderError
from medadapt.core.files import read_json, read_jsonl, write_json, write_jsonl
from medadapt.serving.abstention import (
    AbstentionRule,
    abstention_rule,
    at_temperature,
    check_risk,
    sureness,
)
from medadapt.serving.answering import Weighed

RULE = AbstentionRule(risk=0.1, temperature=2.0, threshold=0.75, num_answers=frozenset({2, 4}))


@pytest.fixture(scope="module")
def measured_run(diagnosis_run, tmp_path_factory):
    return with_validation(diagnosis_run, tmp_path_factory.mktemp("measured") / "run", right_above=0.4)


def weighed(*shares):
    return [Weighed(name=name, text=name, probability=p) for name, p in zip("ABCD", shares, strict=False)]


def test_the_threshold_is_the_one_below_which_the_validation_answers_are_wrong(measured_run):
    """The 120 answers above 40 % are right, and beside them a risk of 10 % allows for so many wrong ones."""
    allowed = max(
        wrong
        for wrong in range(20)
        if stats.binomtest(wrong, 120 + wrong, alternative="less").proportion_ci(0.95, "exact").high <= 0.1
    )
    rule = abstention_rule(str(measured_run), risk=0.1, model="tuned")
    rows = list(read_jsonl(measured_run / "4-predictions" / "validation.tuned.jsonl"))
    answered = []
    for place, row in enumerate(rows):
        shares = [math.exp(score / rule.temperature) for score in row["scores"].values()]
        if max(shares) / sum(shares) >= rule.threshold - 1e-9:
            answered.append(place)
    assert answered == list(range(80 - allowed, 200))


def test_a_smaller_risk_takes_more_confidence(measured_run):
    small, large = (abstention_rule(str(measured_run), risk=r, model="baseline") for r in (0.05, 0.3))
    labels = read_json(measured_run / "1-records" / "data.json")["labels"]
    assert small.num_answers == large.num_answers == {len(labels)}
    assert small.threshold > large.threshold
    assert small.temperature == large.temperature


def test_sureness_is_the_probability_at_the_temperature_of_the_rule():
    """0.9 to 0.1 at temperature 2 is 3 to 1."""
    found = sureness(weighed(0.9, 0.1), RULE)
    assert (found.name, found.confidence, found.enough) == ("A", pytest.approx(0.75), True)
    assert not sureness(weighed(0.89, 0.11), RULE).enough


def test_an_answer_without_probability_keeps_none():
    assert [one.probability for one in at_temperature(weighed(1.0, 0.0), 5.0)] == [1.0, 0.0]
    even = at_temperature(weighed(0.5, 0.3, 0.2), 1.0)
    assert [one.probability for one in even] == pytest.approx([0.5, 0.3, 0.2])


def test_a_question_without_options_is_refused():
    with pytest.raises(DataError, match="no options"):
        sureness([], RULE)


def test_a_rule_says_nothing_of_questions_with_another_number_of_answers():
    assert sureness(weighed(0.4, 0.3, 0.2, 0.1), RULE).name == "A"
    with pytest.raises(DataError, match="with 2 or 4 options, and this one has 3"):
        sureness(weighed(0.9, 0.06, 0.04), RULE)


@pytest.mark.parametrize("risk", [0.0, 0.5, -1.0, math.nan])
def test_a_risk_outside_of_0_and_a_half_is_refused(risk):
    with pytest.raises(MedAdaptError, match="no share of wrong answers"):
        check_risk(risk, base=None)


def test_another_base_than_the_measured_one_is_refused():
    with pytest.raises(MedAdaptError, match="another base"):
        check_risk(0.1, base="other")


def test_targets_without_validation_predictions_are_refused_with_a_remedy(
    diagnosis_run, typed_run, measured_run, tmp_path
):
    for target, problem, remedy in (
        ("hub:owner/name", "no validation predictions", "Name the run folder"),
        (str(diagnosis_run / "3-adapter"), "no validation predictions", "Name the run folder"),
        (str(typed_run), "open questions", "Leave the risk out"),
        (str(tmp_path), "no run folder", "Correct the path"),
    ):
        with pytest.raises(MedAdaptError, match=problem) as told:
            abstention_rule(target, risk=0.1, model="tuned")
        assert remedy in told.value.remedy
        assert told.value.exit_code == 2


def test_missing_files_are_named(diagnosis_run, tmp_path):
    copy = with_validation(diagnosis_run, tmp_path / "run", right_above=0.4)
    (copy / "4-predictions" / "validation.tuned.jsonl").unlink()
    with pytest.raises(RunFolderError, match=r"validation\.tuned\.jsonl is missing"):
        abstention_rule(str(copy), risk=0.1, model="tuned")
    write_jsonl(copy / "1-records" / "validation.jsonl", [])
    with pytest.raises(RunFolderError, match="no validation records"):
        abstention_rule(str(copy), risk=0.1, model="tuned")


def test_a_risk_that_cannot_be_kept_is_refused(diagnosis_run, tmp_path):
    copy = with_validation(diagnosis_run, tmp_path / "run", right_above=0.4, n=20)
    with pytest.raises(DataError, match="at least 29 independent") as told:
        abstention_rule(str(copy), risk=0.1, model="tuned")
    assert "larger risk" in told.value.remedy


@pytest.fixture
def exchanged_run(diagnosis_run, tmp_path):
    """Measured with another adapter than the one that lies there."""
    copy = with_validation(diagnosis_run, tmp_path / "run", right_above=0.4)
    (copy / "3-adapter" / "adapter_model.safetensors").write_bytes(b"another adapter")
    return copy


def without(run, file, *keys):
    """Take a value out of one of a run's documents."""
    values = read_json(run / file)
    *before, last = keys
    place = values
    for key in before:
        place = place[key]
    del place[last]
    write_json(run / file, values)


@pytest.mark.parametrize("known_by", ["predict", "score"])
def test_a_rule_of_an_adapter_that_was_exchanged_since_is_refused(known_by, exchanged_run):
    if known_by == "predict":
        (exchanged_run / "5-metrics" / "metrics.json").unlink()
    else:  # as an earlier version left it
        without(exchanged_run, "run.json", "prediction", "adapter_sha256")
    with pytest.raises(RunFolderError, match="was exchanged since the predictions") as told:
        abstention_rule(str(exchanged_run), risk=0.1, model="tuned")
    assert f"`medadapt run {exchanged_run} --from predict`" in told.value.remedy


def test_an_exchanged_adapter_leaves_the_rule_of_the_base(exchanged_run, measured_run):
    found = [abstention_rule(str(run), risk=0.1, model="baseline") for run in (exchanged_run, measured_run)]
    assert found[0] == found[1]


def test_a_run_that_does_not_say_which_adapter_was_measured_keeps_its_rule(exchanged_run, measured_run):
    without(exchanged_run, "run.json", "prediction", "adapter_sha256")
    without(exchanged_run, "5-metrics/metrics.json", "protocol", "adapter_sha256")
    found = [abstention_rule(str(run), risk=0.1, model="tuned") for run in (exchanged_run, measured_run)]
    assert found[0] == found[1]
