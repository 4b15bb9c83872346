"""`medadapt parity`, against log-likelihoods that plain transformers computes on jointly encoded texts."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness_stand_in import StandIn, write_stand_in
from medadapt.core.errors import DataError, MedAdaptError, ModelError
from medadapt.core.files import read_json
from serving_runs import make_base, make_run, records_of

Scores = dict[str, dict[str, float]]


@pytest.fixture(scope="session")
def choice_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on bundled exam questions, trained with another prompt than the harness's."""
    place = tmp_path_factory.mktemp("parity")
    return make_run(
        place / "choice",
        make_base(place / "base"),
        until="train",
        data={"format": "multiple_choice", "source": "sample:rows/mcq"},
        prompt={"template": "question", "answer": "letter"},
        evaluation={"bootstrap_samples": 100},
    )


@pytest.fixture(scope="session")
def answers(choice_run: Path) -> dict[str, Scores]:
    """What a harness would get: context and continuation encoded together, in fp32, without a cache."""
    base = choice_run.parent / "base"
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    found = {"baseline": _scores(choice_run, model, tokenizer)}
    tuned = PeftModel.from_pretrained(model, choice_run / "3-adapter").eval()
    return {**found, "tuned": _scores(choice_run, tuned, tokenizer)}


def _scores(run: Path, model: Any, tokenizer: Any) -> Scores:
    found: Scores = {}
    for record in records_of(run):
        listed = "".join(
            f"{letter}. {text}\n" for letter, text in zip("ABCD", record.options or [], strict=True)
        )
        prompt = f"Question: {record.question}\nChoices:\n{listed}Answer:"
        found[prompt] = {letter: _loglikelihood(model, tokenizer, prompt, f" {letter}") for letter in "ABCD"}
    return found


def _loglikelihood(model: Any, tokenizer: Any, context: str, continuation: str) -> float:
    whole, start = tokenizer.encode(context + continuation), len(tokenizer.encode(context))
    with torch.no_grad():
        logprobs = model(input_ids=torch.tensor([whole])).logits[0].log_softmax(-1)
    return sum(float(logprobs[place - 1, whole[place]]) for place in range(start, len(whole)))


@pytest.fixture
def harness(tmp_path: Path) -> StandIn:
    return write_stand_in(tmp_path / "harness environment")


def test_equal_numbers_agree(
    choice_run: Path, answers: dict[str, Scores], harness: StandIn, use: Callable[..., Any]
):
    harness.answer(**answers)

    code, out, err = use("parity", choice_run, "--python", harness.python, "--device", "cpu", "--json")

    found = json.loads(out)
    n = len(records_of(choice_run))
    assert code == found["exit_code"] == 0
    assert (found["n"], found["prompts_equal"], found["choices_equal"], found["left_out"]) == (n, n, n, 0)
    assert found["largest_difference"] < 1e-4
    assert set(found["models"]) == {"baseline", "tuned"}
    assert found["tasks"] == {"medmcqa": n}
    assert "whatever prompt the run was trained with" in err
    written = json.loads((choice_run / "5-metrics" / "parity.json").read_text())
    assert {**written, "exit_code": 0} == found
    # From now on `report --verify` finds it where it is edited.
    assert "parity.json" in read_json(choice_run / "run.json")["beside_metrics"]


def test_another_number_is_exit_code_3_after_the_file_is_written(
    choice_run: Path, answers: dict[str, Scores], harness: StandIn, use: Callable[..., Any]
):
    moved = json.loads(json.dumps(answers))
    prompt = next(iter(moved["tuned"]))
    moved["tuned"][prompt]["A"] += 0.01
    harness.answer(**moved)

    code, out, _ = use("parity", choice_run, "--python", harness.python, "--device", "cpu")

    found = json.loads((choice_run / "5-metrics" / "parity.json").read_text())
    assert code == 3
    assert found["largest_difference"] == pytest.approx(0.01, abs=1e-4)
    assert [found["models"][name]["largest_difference"] > 1e-3 for name in ("baseline", "tuned")] == [
        False,
        True,
    ]
    assert found["differing"] == [records_of(choice_run)[0].id]
    assert "do not agree" in out


def test_another_prompt_is_exit_code_3(
    choice_run: Path, answers: dict[str, Scores], harness: StandIn, use: Callable[..., Any]
):
    harness.answer(**answers, after_prompt=" ")

    code, out, _ = use(
        "parity", choice_run, "--python", harness.python, "--model", "baseline", "--device", "cpu", "--json"
    )

    assert code == 3
    assert json.loads(out)["prompts_equal"] == 0


def test_a_limit_draws_records_by_the_seed(
    choice_run: Path, answers: dict[str, Scores], harness: StandIn, use: Callable[..., Any]
):
    harness.answer(**answers)

    _, out, _ = use(
        "parity", choice_run, "--python", harness.python, "--limit", "1", "--device", "cpu", "--json"
    )

    assert json.loads(out)["n"] == 1


def test_a_harness_that_fails_is_told_in_its_own_words(
    choice_run: Path, answers: dict[str, Scores], harness: StandIn, use: Callable[..., Any]
):
    harness.answer(**answers, fail=True)

    with pytest.raises(ModelError, match="out of luck"):
        use("parity", choice_run, "--python", harness.python, "--device", "cpu")


def test_an_interpreter_without_the_harness_is_told_how_to_get_it(choice_run: Path, use: Callable[..., Any]):
    with pytest.raises(MedAdaptError, match="not installed") as refused:
        use("parity", choice_run, "--python", sys.executable)

    assert refused.value.exit_code == 2
    assert f'{sys.executable} -m pip install "lm-eval==0.4.13"' in refused.value.remedy


@pytest.mark.parametrize("python", ["no/such/python", "/bin/true"])
def test_what_is_no_interpreter_is_refused(python: str, choice_run: Path, use: Callable[..., Any]):
    with pytest.raises(MedAdaptError, match="--python"):
        use("parity", choice_run, "--python", python)


def test_a_run_of_another_task_needs_a_standard_set(
    finished: Path, harness: StandIn, use: Callable[..., Any]
):
    with pytest.raises(DataError, match="questions with options"):
        use("parity", finished, "--python", harness.python)


def test_records_that_are_missing_are_made_again_by_the_remedy(
    choice_run: Path, harness: StandIn, use: Callable[..., Any], tmp_path: Path
):
    run = shutil.copytree(choice_run, tmp_path / "my run")
    (run / "1-records" / "test.jsonl").unlink()
    with pytest.raises(DataError, match=r"test\.jsonl is missing") as refused:
        use("parity", run, "--python", harness.python)

    _, told, _ = refused.value.remedy.split("`")
    assert use(*shlex.split(told)[1:])[0] == 0

    assert (run / "1-records" / "test.jsonl").is_file()


def test_prompts_that_do_not_fit_are_left_out_and_counted(
    choice_run: Path, harness: StandIn, use: Callable[..., Any], tmp_path: Path
):
    short = {"QUESTION": "Does it help?", "CONTEXTS": ["A trial."], "final_decision": "no"}
    long = {**short, "CONTEXTS": ["word " * 200]}
    path = tmp_path / "pubmedqa.json"
    path.write_text(json.dumps({"1": short, "2": long}))
    prompt = "Abstract: A trial.\nQuestion: Does it help?\nAnswer:"
    model = AutoModelForCausalLM.from_pretrained(choice_run.parent / "base", dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(choice_run.parent / "base")
    given = {
        prompt: {
            word: _loglikelihood(model, tokenizer, prompt, f" {word}") for word in ("yes", "no", "maybe")
        }
    }
    harness.answer(baseline=given, tuned={})

    code, out, _ = use(
        "parity", choice_run, "--on", f"pubmedqa={path}", "--python", harness.python,
        "--model", "baseline", "--device", "cpu", "--json",
    )  # fmt: skip

    found = json.loads(out)
    assert (code, found["n"], found["left_out"], found["records"]) == (0, 1, 1, "pubmedqa")
