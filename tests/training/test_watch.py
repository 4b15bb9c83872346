"""When a training is evaluated and saved, and what stands in its log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medadapt.core.progress import Silent
from medadapt.core.recipe import Recipe
from medadapt.models.loading import load_base
from medadapt.training.checkpoints import checkpoint_folders
from medadapt.training.session import train_adapter
from medadapt.training.watch import evaluation_interval
from tiny import random_rows, save_base, tiny_llama, write_rows


@pytest.mark.parametrize(
    ("asked", "epoch_steps", "total_steps", "validated", "interval"),
    [
        (50, 400, 1200, 400, 50),  # every 50 steps, as two of the published workflows have it
        ("epoch", 400, 1200, 400, 400),
        ("auto", 400, 1200, 100, 120),  # 9,600 rows trained on pay for 2,400 validated, 10 times 100 are less
        ("auto", 400, 1200, 240, 120),  # 10 times 240 are just as many
        ("auto", 400, 1200, 400, 200),  # 6 times 400
        ("auto", 400, 400, 400, 100),  # an eighth would pay for 2; 4 at least
        ("auto", 30, 1200, 240, 30),
        ("auto", 30, 1200, 4000, 30),  # once an epoch at least
        ("auto", 400, 4, 1, 1),
        ("auto", 400, 1200, 0, 120),
        ("auto", 400, 0, 1, 1),
    ],
)
def test_the_interval_between_evaluations(asked, epoch_steps, total_steps, validated, interval):
    found = evaluation_interval(
        asked,
        epoch_steps=epoch_steps,
        total_steps=total_steps,
        num_trained=8 * total_steps,
        num_validated=validated,
    )
    assert found == interval


@pytest.mark.parametrize("total_steps", [1, 5, 9, 11, 100, 400])
def test_who_counts_evaluations_gets_as_many_however_long_they_take(total_steps):
    """Early stopping with a patience of 3 could never come true in a training that is measured four times."""
    rows = {"epoch_steps": 400, "num_trained": 8 * total_steps, "num_validated": 10_000}
    counted = evaluation_interval("auto", total_steps=total_steps, is_counted=True, **rows)
    assert counted == -(-total_steps // 10)
    assert evaluation_interval("auto", total_steps=total_steps, **rows) == -(-total_steps // 4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Five epochs of three steps, with the settings of a published workflow."""
    folder = tmp_path_factory.mktemp("trained")
    write_rows(folder / "examples" / "train", random_rows(10, seed=1))
    write_rows(folder / "examples" / "validation", random_rows(3, seed=2))
    recipe = Recipe.model_validate(
        {
            "data": {"format": "typed_qa", "source": "unused"},
            "model": {"base": str(save_base(folder / "base", tiny_llama())), "precision": "fp32"},
            "lora": {"rank": 2, "dropout": 0.0},
            "training": {"epochs": 5, "batch_size": 4, "warmup": 4, "max_grad_norm": 0.3, "weight_decay": 0.01,
                         "eval_every": 4, "save_every": "epoch", "keep": 3, "checkpointing": "on", "log_every": 5},
        }
    )  # fmt: skip
    base = load_base(recipe.model, device="cpu")
    summary = train_adapter(
        recipe, examples=folder / "examples", base=base, folder=folder / "adapter", progress=Silent()
    )
    rows = [json.loads(line) for line in (folder / "adapter" / "steps.jsonl").read_text().splitlines()]
    return folder / "adapter", summary, rows, base


def test_evaluated_are_every_so_many_steps_and_the_last(trained):
    _, _, rows, _ = trained
    assert [row["step"] for row in rows if "validation_loss" in row] == [4, 8, 12, 15]


def test_a_checkpoint_is_kept_of_each_of_the_last_three_epochs(trained):
    folder, *_ = trained
    names = [place.name for place in checkpoint_folders(folder / "checkpoints")]
    assert names == ["step-000009", "step-000012", "step-000015"]


def test_activations_are_recomputed_where_that_is_asked_for(trained):
    _, summary, _, base = trained
    assert summary["checkpointing"] is True
    assert base.model.model.layers[0].gradient_checkpointing


def test_the_learning_rate_rises_for_the_steps_of_the_warm_up(trained):
    _, _, rows, _ = trained
    rates = [row["learning_rate"] for row in rows]
    assert rates[:4] == pytest.approx([2e-4 * share for share in (0.25, 0.5, 0.75, 1.0)])
    assert rates[4] < rates[3]


def test_tensorboard_hears_of_every_fifth_step_and_of_each_evaluation(trained):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, _, rows, _ = trained
    events = EventAccumulator(str(Path(folder) / "tensorboard"))
    events.Reload()
    heard = {event.step: event.value for event in events.Scalars("loss")}
    assert sorted(heard) == [4, 5, 8, 10, 12, 15]
    assert heard[8] == pytest.approx(rows[7]["loss"], rel=1e-6)
    assert [event.step for event in events.Scalars("validation_loss")] == [4, 8, 12, 15]
