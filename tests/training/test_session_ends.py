"""Where a training begins and ends: early stopping, no step at all, an adapter to go on from, and who is told."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from medadapt.core.errors import DataError, RecipeError, RunFolderError, StoppedError
from medadapt.core.hashes import sha256_file
from medadapt.core.progress import Silent
from medadapt.core.recipe import Recipe
from medadapt.models.loading import load_base
from medadapt.training.checkpoints import checkpoint_folders
from medadapt.training.session import train_adapter
from tiny import random_rows, save_base, tiny_llama, write_rows

RISING = {"early_stopping": 2, "eval_every": 1, "learning_rate": 0.1, "schedule": "linear", "warmup": 0}
"""A learning rate far too high: the validation loss rises after a few steps."""


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"), tiny_llama())


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    write_rows(folder / "train", random_rows(22, seed=1))
    write_rows(folder / "validation", random_rows(5, seed=2))
    return folder


def train(base_folder: Path, examples: Path, folder: Path, *, adapter=None, lora=None, seed=0, told=None,
          stop_after=None, **training):  # fmt: skip
    settings = {"epochs": 4, "batch_size": 4, "learning_rate": 5e-3, "micro_tokens": 60, "save_every": 1, "keep": 2,
                "eval_every": 3, "tracking": []}  # fmt: skip
    recipe = Recipe.model_validate(
        {
            "data": {"format": "typed_qa", "source": "unused"},
            "model": {"base": str(base_folder), "precision": "fp32", "adapter": adapter and str(adapter)},
            "lora": {"rank": 4, "alpha": 8, "dropout": 0.2} | (lora or {}),
            "training": settings | training,
            "seed": seed,
        }
    )
    return train_adapter(
        recipe,
        examples=examples,
        base=load_base(recipe.model, device="cpu"),
        folder=folder,
        on_evaluation=told,
        should_stop=lambda: stop_after is not None and len(steps(folder)) >= stop_after,
        progress=Silent(),
    )


def steps(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]


def without_times(rows: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def same_adapter(one: Path, other: Path) -> bool:
    return sha256_file(one / "adapter_model.safetensors") == sha256_file(other / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def stopped_early(base_folder, examples, tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("stopped")
    return folder, train(base_folder, examples, folder, **RISING)


def test_training_ends_after_so_many_evaluations_without_a_better_loss(stopped_early):
    folder, summary = stopped_early
    losses = [row["validation_loss"] for row in steps(folder)]
    assert len(losses) == summary["steps"] == summary["stopped_early"] < 24
    assert losses.index(min(losses)) + 1 == summary["best_step"] == len(losses) - 2
    assert [row.get("stopped_early") for row in steps(folder)] == [None] * (len(losses) - 1) + [True]


def test_the_adapter_of_an_early_end_is_the_best_one(stopped_early):
    folder, _ = stopped_early
    newest = checkpoint_folders(folder / "checkpoints")[-1]
    saved, best = (
        load_file(path) for path in (folder / "adapter_model.safetensors", newest / "best.safetensors")
    )
    assert all(torch.equal(saved[name], best[name]) for name in best)


def test_stopping_early_changes_no_step_before_it(stopped_early, base_folder, examples, tmp_path):
    train(base_folder, examples, tmp_path, **RISING | {"early_stopping": None})
    early, whole = steps(stopped_early[0]), steps(tmp_path)
    assert len(whole) == 24
    early[-1].pop("stopped_early")
    assert without_times(early) == without_times(whole[: len(early)])


@pytest.mark.parametrize("back", [1, 2, 3])
def test_resumed_shortly_before_its_early_end_a_training_ends_the_same(
    back, stopped_early, base_folder, examples, tmp_path
):
    folder, summary = stopped_early
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path, stop_after=summary["steps"] - back, **RISING)
    assert train(base_folder, examples, tmp_path, **RISING)["stopped_early"] == summary["steps"]
    assert same_adapter(tmp_path, folder)
    assert without_times(steps(tmp_path)) == without_times(steps(folder))


def test_a_training_that_ended_early_takes_no_further_step(stopped_early, base_folder, examples):
    folder, summary = stopped_early
    before = steps(folder)
    again = train(base_folder, examples, folder, **RISING)
    assert (again["steps"], again["stopped_early"]) == (summary["steps"], summary["steps"])
    assert steps(folder) == before


def test_early_stopping_without_validation_examples_is_refused(base_folder, examples, tmp_path):
    write_rows(tmp_path / "examples" / "train", random_rows(4))
    write_rows(tmp_path / "examples" / "validation", [])
    with pytest.raises(DataError, match=r"early_stopping(.|\n)*validation file in data\.source"):
        train(base_folder, tmp_path / "examples", tmp_path / "adapter", early_stopping=1)


@pytest.fixture(scope="module")
def finished(base_folder, examples, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    train(base_folder, examples, folder, epochs=1)
    return folder


def test_with_no_epochs_an_adapter_is_measured_and_written_as_it_came(
    finished, base_folder, examples, tmp_path
):
    summary = train(base_folder, examples, tmp_path, adapter=finished, epochs=0)
    assert same_adapter(tmp_path, finished)
    assert steps(tmp_path) == []
    assert not (tmp_path / "checkpoints").exists()
    best = min(row["validation_loss"] for row in steps(finished) if "validation_loss" in row)
    assert summary["best_validation_loss"] == pytest.approx(best, rel=1e-6)
    assert (summary["steps"], summary["best_step"]) == (0, 0)


def test_training_goes_on_from_an_adapter(finished, base_folder, examples, tmp_path):
    train(
        base_folder, examples, tmp_path / "on", adapter=finished, epochs=1, eval_every=1, learning_rate=1e-9
    )
    train(base_folder, examples, tmp_path / "fresh", epochs=1, eval_every=1, learning_rate=1e-9)
    best = min(row["validation_loss"] for row in steps(finished) if "validation_loss" in row)
    assert steps(tmp_path / "on")[0]["validation_loss"] == pytest.approx(best, rel=1e-5)
    assert steps(tmp_path / "fresh")[0]["validation_loss"] > best + 0.01


def test_checkpoints_of_a_training_from_another_adapter_are_refused(
    finished, base_folder, examples, tmp_path
):
    other = tmp_path / "other"
    train(base_folder, examples, other, epochs=1, seed=1)
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path / "run", adapter=finished, stop_after=2)
    with pytest.raises(RunFolderError, match="another training"):
        train(base_folder, examples, tmp_path / "run", adapter=other)


def test_whoever_asks_is_told_each_validation_loss_once(base_folder, examples, tmp_path):
    told = []
    train(base_folder, examples, tmp_path, told=lambda step, loss: told.append((step, loss)), epochs=1)
    assert told == [
        (row["step"], row["validation_loss"]) for row in steps(tmp_path) if "validation_loss" in row
    ]
    assert [step for step, _ in told] == [3, 6]


def test_a_missing_tracker_is_an_error_before_anything_is_written(
    base_folder, examples, tmp_path, monkeypatch
):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlflow" else found(name))
    with pytest.raises(RecipeError, match="mlflow, which is not installed"):
        train(base_folder, examples, tmp_path / "run", tracking=["mlflow"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("stop_after", [1, 4])
def test_dora_resumes_byte_for_byte_and_trains_its_magnitudes(stop_after, base_folder, examples, tmp_path):
    dora = {"lora": {"variant": "dora"}, "epochs": 1}
    train(base_folder, examples, tmp_path / "whole", **dora)
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path / "cut", stop_after=stop_after, **dora)
    train(base_folder, examples, tmp_path / "cut", **dora)
    assert same_adapter(tmp_path / "cut", tmp_path / "whole")
    first, last = (
        load_file(place / "adapter.safetensors")
        for place in checkpoint_folders(tmp_path / "whole" / "checkpoints")
    )
    magnitudes = [name for name in first if "magnitude" in name]
    assert magnitudes
    assert not any(torch.equal(first[name], last[name]) for name in magnitudes)
    optimizer = load_file(
        checkpoint_folders(tmp_path / "whole" / "checkpoints")[-1] / "optimizer.safetensors"
    )
    assert {f"{name}.exp_avg" for name in magnitudes} <= set(optimizer)
