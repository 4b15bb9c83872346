"""`ask --risk` and `chat --risk`: a model that is not sure enough does not answer."""

from __future__ import annotations

import json

import pytest

from abstaining_run import with_validation
from medadapt.cli.replies import SHORTENED
from medadapt.core.errors import MedAdaptError
from medadapt.serving.answering import NOTICE
from serving_runs import recorded, records_of


@pytest.fixture(scope="module")
def bold_run(finished, tmp_path_factory):
    """Nearly every confidence is enough."""
    return with_validation(finished, tmp_path_factory.mktemp("bold") / "run", right_above=0.0)


@pytest.fixture(scope="module")
def shy_run(finished, tmp_path_factory):
    """A confidence of about 45 % is enough, but at a temperature at which the model is sure of nothing."""
    place = tmp_path_factory.mktemp("shy") / "run"
    return with_validation(finished, place, right_above=0.5, n=400, boldness=40)


@pytest.fixture
def question(finished):
    return records_of(finished)[0].question


def test_a_model_that_is_not_sure_enough_says_so_and_nothing_else(shy_run, question, use):
    code, out, err = use("ask", shy_run, question, "--risk", 0.1)
    assert code == 0
    assert out.startswith("not sure enough to answer (confidence ")
    assert len(out.splitlines()) == 1
    assert "is needed to be wrong in at most 0.1 of the answers" in out
    assert err.strip().endswith(NOTICE)


def test_a_model_that_is_sure_enough_answers_with_what_it_is_sure_of(bold_run, question, use):
    """Whatever it would write: the risk was measured for its choice."""
    kept = recorded(bold_run, "tuned")[records_of(bold_run)[0].id]
    code, out, err = use("ask", bold_run, question, "--risk", 0.1)
    assert code == 0
    assert out.splitlines()[0] == kept["choice"]
    assert "(sure enough: " in err


def test_json_says_whether_each_model_abstained_and_hides_what_it_would_have_said(
    shy_run, bold_run, question, use
):
    words = (question, "--risk", 0.1, "--model", "both", "--json")
    silent, spoken = (json.loads(use("ask", run, *words)[1]) for run in (shy_run, bold_run))
    for model in ("baseline", "tuned"):
        no, yes = silent["answers"][model], spoken["answers"][model]
        assert no.keys() == yes.keys()
        assert (no["abstained"], yes["abstained"]) == (True, False)
        assert (no["text"], no["choice"], no["probabilities"]) == (None, None, None)
        assert no["confidence"] < no["threshold"]
        assert yes["confidence"] == pytest.approx(max(yes["probabilities"].values()), abs=1e-8)
        assert yes["choice"] == yes["text"] == max(yes["probabilities"], key=yes["probabilities"].get)
        assert yes["risk"] == no["risk"] == 0.1
        assert not yes["question_shortened"]
    assert silent["notice"] == spoken["notice"] == NOTICE


def test_a_question_whose_middle_was_left_out_is_said_to_be(bold_run, use):
    long = "fever, " * 400
    for command, *words in (["ask", long], ["chat"]):
        code, _, err = use(command, bold_run, *words, "--risk", 0.1, typed=f"{long}\n")
        assert code == 0
        assert SHORTENED in err
    found = json.loads(use("ask", bold_run, long, "--risk", 0.1, "--json")[1])
    assert found["answers"]["tuned"]["question_shortened"] is True


def test_without_a_risk_nothing_is_said_of_abstaining(bold_run, question, use):
    found = json.loads(use("ask", bold_run, question, "--json")[1])
    assert "abstained" not in found["answers"]["tuned"]
    kept = recorded(bold_run, "tuned")[records_of(bold_run)[0].id]
    assert found["answers"]["tuned"]["probabilities"] == pytest.approx(kept["probabilities"], abs=1e-5)


def test_a_chat_answers_only_where_the_model_is_sure_enough(shy_run, bold_run, question, use):
    code, out, err = use("chat", shy_run, "--risk", 0.1, typed=f"{question}\n/model baseline\n{question}\n")
    assert code == 0
    assert [line.split(" (")[0] for line in out.splitlines()] == ["not sure enough to answer"] * 2
    assert NOTICE in err
    _, out, err = use("chat", bold_run, "--risk", 0.1, typed=f"{question}\n")
    kept = recorded(bold_run, "tuned")[records_of(bold_run)[0].id]
    assert out.splitlines()[0] == kept["choice"]
    assert "(sure enough: " in err


def test_a_chat_that_switches_to_a_model_without_a_rule_says_so_and_goes_on(
    finished, tmp_path, question, use
):
    run = with_validation(finished, tmp_path / "run", right_above=0.0)
    (run / "4-predictions" / "validation.baseline.jsonl").unlink()
    lines = f"/model baseline\n{question}\n/model tuned\n{question}\n"
    code, out, err = use("chat", run, "--risk", 0.1, typed=lines)
    assert code == 0
    assert "validation.baseline.jsonl is missing" in err
    kept = recorded(run, "tuned")[records_of(run)[0].id]
    assert out.splitlines()[0] == kept["choice"]  # of the tuned model alone


@pytest.mark.parametrize("command", [["ask", "fever"], ["chat"]])
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--risk", "0.7"], "no share of wrong answers"),
        (["--risk", "0.1", "--base", "x"], "both given"),
        (
            ["--risk", "0.1", "--temperature", "0.7", "--seed", "1"],
            "^--temperature and --seed would change nothing",
        ),
        (["--risk", "0.1", "--max-new-tokens", "5"], "^--max-new-tokens would change nothing beside --risk"),
        (["--risk", "0.1", "--repetition-penalty", "1.2"], "^--repetition-penalty would change nothing"),
    ],
)
def test_a_risk_that_cannot_be_used_is_refused(command, words, problem, bold_run, use):
    with pytest.raises(MedAdaptError, match=problem) as told:
        use(command[0], bold_run, *command[1:], *words, typed="")
    assert told.value.exit_code == 2
