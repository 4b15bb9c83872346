"""The faults of the five published workflows, as written there: each is refused, or corrected and shown.

`docs/reference/workflows.md` tells them in words. Faults whose test is a matter of one folder stand there:
the loss above uniform guessing in metrics/test_gates.py, the best trial in workflow's search tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml

from medadapt.core.errors import ModelError, RecipeError
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.records import read_records
from medadapt.examples.masking import IGNORED
from medadapt.models.loading import check_base
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.training.batches import pad
from tiny import save_base, tiny_llama, tiny_opt

LLAMA_NAMES = ["q_proj", "v_proj", "k_proj", "o_proj", "up_proj", "down_proj", "gate_proj"]


def recipe(**sections: Any) -> Recipe:
    plain = {"data": {"format": "question_answer", "source": "sample:rows/qa"}, "model": {"base": "a/b"}}
    return recipe_from({**plain, **sections}, where="recipe.yaml")


# --- symptom diagnosis: names of another architecture


def test_target_names_of_llama_are_refused_on_opt_with_the_names_it_has(tmp_path):
    base = save_base(tmp_path, tiny_opt())
    asked = recipe(model={"base": str(base)}, lora={"targets": LLAMA_NAMES})

    with pytest.raises(ModelError) as refusal:
        check_base(asked.model, asked.lora.targets)

    assert "o_proj, up_proj, down_proj, gate_proj" in refusal.value.problem
    assert all(name in refusal.value.expected for name in ("q_proj", "out_proj", "fc1", "fc2"))


def test_the_same_names_are_taken_on_llama(tmp_path):
    base = save_base(tmp_path, tiny_llama())
    asked = recipe(model={"base": str(base)}, lora={"targets": LLAMA_NAMES})

    check_base(asked.model, asked.lora.targets)


# --- open questions: a quantisation that no library knows, and code that comes with a model


@pytest.mark.parametrize("word", ["int7", "load_in_7Bit", "8bit"])
def test_a_quantisation_that_does_not_exist_is_refused(word: str):
    with pytest.raises(RecipeError, match="is none of none, int8, nf4"):
        recipe(model={"base": "a/b", "quantization": word})


def test_remote_code_needs_a_commit_that_somebody_has_read():
    with pytest.raises(RecipeError, match="pin the commit"):
        recipe(model={"base": "a/b", "trust_remote_code": True})


# --- what is learned: never the prompt, never padding, always the end


def medadapt(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medadapt", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory) -> Path:
    """Question and answer pairs encoded for a base whose padding token is its closing token."""
    folder = tmp_path_factory.mktemp("faults")
    base = save_base(folder / "base", tiny_llama())
    tokenizer = byte_tokenizer()
    tokenizer.pad_token = tokenizer.eos_token  # as the workflow sets it
    tokenizer.save_pretrained(base)
    written = {
        "name": "faults",
        "data": {"format": "question_answer", "source": "sample:rows/qa"},
        "model": {"base": "base"},
    }
    (folder / "faults.yaml").write_text(yaml.safe_dump(written))
    done = medadapt("run", "faults.yaml", "--until", "encode", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "faults"


@pytest.fixture(scope="module")
def rows(encoded: Path) -> list[dict[str, Any]]:
    return list(datasets.load_from_disk(str(encoded / "2-examples" / "train")))


def test_no_token_of_a_prompt_is_learned(rows):
    tokenizer = byte_tokenizer()
    for row in rows:
        learned = [token for token in row["labels"] if token != IGNORED]

        assert tokenizer.decode(learned, skip_special_tokens=True) == row["completion"]
        assert row["labels"][: len(row["labels"]) - len(learned)] == [IGNORED] * (
            len(row["labels"]) - len(learned)
        )


def test_the_closing_token_is_learned_though_padding_is_the_same_token(rows):
    closing = byte_tokenizer().eos_token_id

    assert all(row["labels"][-1] == closing for row in rows)
    assert all(row["labels"].count(closing) == 1 for row in rows)


def test_nothing_is_filled_up_and_padding_is_never_learned(rows):
    import torch

    longest = max(len(row["input_ids"]) for row in rows)
    shortest = min(rows, key=lambda row: len(row["input_ids"]))
    batch = pad(rows, torch.device("cpu"))

    assert longest < 1024
    place = rows.index(shortest)
    assert (batch.labels_BT[place, len(shortest["input_ids"]) :] == IGNORED).all()
    assert int((batch.labels_BT != IGNORED).sum()) == sum(
        label != IGNORED for row in rows for label in row["labels"]
    )


# --- exam questions: the explanation gives the letter away


def test_no_answer_letter_stays_in_front_of_an_explanation(tmp_path):
    openings = ["Ans. is 'b' i.e., ", "Ans. (b) ", "Correct answer: B. ", "Option b is correct. ", "Ans B: "]
    exam = [
        {
            "question": f"Which organ number {number} makes bile?",
            "opa": "Spleen", "opb": "Liver", "opc": "Kidney", "opd": "Lung",
            "cop": 2, "choice_type": "single",
            "exp": f"{openings[number % len(openings)]}Bile comes from the liver. Bile helps fat number {number}.",
        }
        for number in range(30)
    ]  # fmt: skip
    # One answer stands last, so that cop is seen to count from 1.
    exam[0] |= {"cop": 4, "opb": "Skin", "opd": "Liver", "exp": "Bile comes from the liver."}
    (tmp_path / "train.json").write_text("\n".join(json.dumps(row) for row in exam))
    asked = {
        "name": "exam",
        "data": {"format": "multiple_choice", "source": "train.json", "split": {"group": "none"}},
        "prompt": {"template": "medical_question", "options": False, "answer": "text_and_explanation"},
        "model": {"base": "a/b"},
    }
    (tmp_path / "exam.yaml").write_text(yaml.safe_dump(asked))

    done = medadapt("prepare", "exam.yaml", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    folder = tmp_path / "runs" / "exam" / "1-records"
    records = [r for name in ("train", "validation", "test") for r in read_records(folder / f"{name}.jsonl")]
    assert len(records) >= 25
    assert all(record.explanation.startswith("Bile comes from the liver.") for record in records)
    assert {record.answer for record in records} == {"Liver"}
