"""Training as a whole: resuming, stopping, running out of memory, diverging, choosing the best step."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from medadapt.core.errors import DivergedError, ModelError, RunFolderError, StoppedError
from medadapt.core.hashes import sha256_file
from medadapt.core.progress import Silent
from medadapt.core.recipe import LoraSection
from medadapt.core.recipe_reading import recipe_from
from medadapt.examples.masking import IGNORED
from medadapt.examples.token_sets import TokenSet
from medadapt.models.adapter import new_adapter
from medadapt.models.dropout import silenced
from medadapt.models.loading import load_base
from medadapt.models.lora import adapter_tensors, lora_layers
from medadapt.models.packed.decoder import packed_decoder
from medadapt.training import engine, native_backend, session, validation
from medadapt.training.checkpoints import checkpoint_folders, load_checkpoint, save_checkpoint
from medadapt.training.memory import MemoryPlan
from medadapt.training.scaling import LossScale
from medadapt.training.session import count_parameters, train_adapter
from tiny import random_rows, save_base, tiny_jetmoe, tiny_llama, write_rows
from training.test_gradients import plain_nll


class Told(Silent):
    """Progress that remembers its notes, and the steps of each piece of work: all, and those done before."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.begun: dict[str, tuple[int | None, int]] = {}

    def start(self, task: str, total: int | None = None, *, done: int = 0) -> None:
        self.begun[task] = (total, done)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory) -> Path:
    return save_base(tmp_path_factory.mktemp("base"), tiny_llama())


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    write_rows(folder / "train", random_rows(22, seed=1))
    write_rows(folder / "validation", random_rows(5, seed=2))
    return folder


def make_recipe(base_folder: Path, **training):
    """Twelve steps of four rows in several micro-batches, with dropout, over two epochs."""
    settings = {"epochs": 2, "batch_size": 4, "learning_rate": 5e-3, "micro_tokens": 60, "save_every": 1, "keep": 2,
                "eval_every": 3, "tracking": []}  # fmt: skip
    values = {
        "data": {"format": "typed_qa", "source": "unused"},
        "model": {"base": str(base_folder), "precision": "fp32"},
        "lora": {"rank": 4, "alpha": 8, "dropout": 0.2},
        "training": settings | training,
    }
    return recipe_from(values, where="test")


def train(
    base_folder: Path, examples: Path, folder: Path, *, should_stop=lambda: False, progress=None, **training
):
    recipe = make_recipe(base_folder, **training)
    base = load_base(recipe.model, device="cpu")
    return train_adapter(
        recipe,
        examples=examples,
        base=base,
        folder=folder,
        should_stop=should_stop,
        progress=progress or Silent(),
    )


def steps(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]


def as_left_by_another(folder: Path, **state: object) -> None:
    """The newest checkpoint of a training with other values in its state; None takes a value out of it."""
    places = folder / "checkpoints"
    found = load_checkpoint(checkpoint_folders(places)[-1])
    kept = {key: value for key, value in found.state.items() if key not in state}
    changed = {key: value for key, value in state.items() if value is not None}
    save_checkpoint(places, replace(found, state=kept | changed), keep=2)


def without_times(rows: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def uninterrupted(base_folder, examples, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert train(base_folder, examples, folder)["steps"] == 12
    return folder


@pytest.fixture(scope="module")
def half_trained(base_folder, examples, tmp_path_factory) -> Path:
    """The same training stopped after its sixth step; tests that go on with it take a copy."""
    folder, asked = tmp_path_factory.mktemp("half"), iter([False] * 5 + [True])
    with pytest.raises(StoppedError):
        train(base_folder, examples, folder, should_stop=lambda: next(asked))
    return folder


@pytest.fixture
def stopped(half_trained, tmp_path) -> Path:
    return Path(shutil.copytree(half_trained, tmp_path / "stopped"))


@pytest.mark.parametrize("stop_after", range(1, 12))
def test_resumed_after_any_step_the_adapter_is_equal_byte_for_byte(
    stop_after, base_folder, examples, uninterrupted, tmp_path
):
    asked = iter([False] * (stop_after - 1) + [True])
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path, should_stop=lambda: next(asked))
    assert len(steps(tmp_path)) == stop_after
    train(base_folder, examples, tmp_path)
    assert sha256_file(tmp_path / "adapter_model.safetensors") == sha256_file(
        uninterrupted / "adapter_model.safetensors"
    )
    newest, whole = (
        checkpoint_folders(tmp_path / "checkpoints")[-1],
        checkpoint_folders(uninterrupted / "checkpoints")[-1],
    )
    assert (newest / "manifest.json").read_text() == (whole / "manifest.json").read_text()
    assert without_times(steps(tmp_path)) == without_times(steps(uninterrupted))


CHILD = """
import sys, time
from pathlib import Path
sys.path[:0] = {paths!r}
import test_session
from medadapt.training import native_backend
save = native_backend.save_checkpoint
def announced_save(*args, **options):  # so that the kills come while a checkpoint is being written
    print("saving", flush=True)
    return save(*args, **options)
native_backend.save_checkpoint = announced_save
test_session.train(Path({base!r}), Path({examples!r}), Path({folder!r}))
print("done", flush=True)
"""


@pytest.mark.slow
def test_ten_real_kills_leave_the_adapter_equal_byte_for_byte(base_folder, examples, uninterrupted, tmp_path):
    draw = random.Random(7)
    script = CHILD.format(
        paths=[str(Path(__file__).parent), str(Path(__file__).parents[1])],
        base=str(base_folder), examples=str(examples), folder=str(tmp_path),
    )  # fmt: skip
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    inside_a_save = 0
    for _ in range(10):
        child = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert child.stdout is not None
        for _ in range(draw.randrange(1, 3)):
            child.stdout.readline()  # one more checkpoint is being written now
        time.sleep(draw.random() * 0.02)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert not (tmp_path / "adapter_model.safetensors").exists()
        inside_a_save += any((tmp_path / "checkpoints").glob(".step-*.part"))
        if len(steps(tmp_path)) >= 10:
            # Ten kills are wanted within twelve steps: take the newest checkpoints away again.
            for place in checkpoint_folders(tmp_path / "checkpoints"):
                shutil.rmtree(place)
    assert inside_a_save >= 2  # else this test would not show what it is for
    train(base_folder, examples, tmp_path)
    assert sha256_file(tmp_path / "adapter_model.safetensors") == sha256_file(
        uninterrupted / "adapter_model.safetensors"
    )


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(
    base_folder, examples, uninterrupted, tmp_path
):
    asked = iter([False] * 6 + [True])
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path, should_stop=lambda: next(asked))
    damaged = checkpoint_folders(tmp_path / "checkpoints")[-1] / "optimizer.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\x7f")
    told = Told()
    train(base_folder, examples, tmp_path, progress=told)
    assert told.begun["Training"] == (12, 6)
    assert any("optimizer.safetensors" in note for note in told.notes)
    assert any("Going on from step 6" in note for note in told.notes)
    assert sha256_file(tmp_path / "adapter_model.safetensors") == sha256_file(
        uninterrupted / "adapter_model.safetensors"
    )


def test_only_the_newest_checkpoints_are_kept(uninterrupted):
    assert [p.name for p in checkpoint_folders(uninterrupted / "checkpoints")] == [
        "step-000011",
        "step-000012",
    ]


def test_the_saved_adapter_is_that_of_the_lowest_validation_loss(base_folder, examples, tmp_path):
    summary = train(
        base_folder, examples, tmp_path, learning_rate=0.02, eval_every=1, schedule="constant", warmup=0
    )
    measured = {row["step"]: row["validation_loss"] for row in steps(tmp_path)}
    assert summary["best_step"] == min(measured, key=measured.__getitem__) < 12
    newest = checkpoint_folders(tmp_path / "checkpoints")[-1]
    saved, last, best = (
        load_file(path)
        for path in (
            tmp_path / "adapter_model.safetensors",
            newest / "adapter.safetensors",
            newest / "best.safetensors",
        )
    )
    assert all(torch.equal(saved[name], best[name]) for name in saved)
    assert not all(torch.equal(saved[name], last[name]) for name in saved)


@pytest.mark.parametrize("refuses", ["the first", "a later one"])
def test_out_of_memory_halves_the_micro_batch_and_keeps_the_gradient(
    base_folder, examples, tmp_path, monkeypatch, refuses
):
    plain = engine.rows_nll
    refused, asked = [], []

    def small_memory(model, rows, **options):
        asked.append(len(rows))
        # Where a later micro-batch is refused, an earlier one has left its gradient behind.
        full = refuses == "the first" or len(asked) in {2, 4}
        if full and len(rows) * max(len(row["input_ids"]) for row in rows) > (
            100 if refuses == "the first" else 30
        ):
            refused.append(len(rows))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(model, rows, **options)

    settings = {"epochs": 1, "batch_size": 11}
    told = Told()
    start = 300 if refuses == "the first" else 120
    with monkeypatch.context() as patch:
        patch.setattr(engine, "rows_nll", small_memory)
        summary = train(
            base_folder, examples, tmp_path / "less", progress=told, micro_tokens=start, **settings
        )
    assert len(refused) >= (2 if refuses == "the first" else 1)
    assert summary["micro_tokens"] < start
    assert any("Out of memory in step 1" in note and "same gradient" in note for note in told.notes)
    train(base_folder, examples, tmp_path / "direct", micro_tokens=summary["micro_tokens"], **settings)
    ours, direct = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("less", "direct"))
    assert all(torch.equal(ours[name], direct[name]) for name in direct)


def test_a_row_that_does_not_fit_has_its_activations_recomputed(base_folder, examples, tmp_path, monkeypatch):
    plain = engine.rows_nll

    def small_memory(model, rows, *, recompute, **options):
        if not recompute:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(model, rows, recompute=recompute, **options)

    told = Told()
    with monkeypatch.context() as patch:
        patch.setattr(engine, "rows_nll", small_memory)
        train(base_folder, examples, tmp_path / "less", progress=told, epochs=1)
    assert any("are now recomputed in the backward pass" in note for note in told.notes)
    ends = checkpoint_folders(tmp_path / "less" / "checkpoints")
    assert load_checkpoint(ends[-1]).state["memory"]["checkpointing"]


def test_a_long_row_that_does_not_fit_costs_the_short_ones_nothing(
    base_folder, examples, tmp_path, monkeypatch
):
    longest = int(max(TokenSet(examples / "train").lengths))
    plain, refused, computed = engine.rows_nll, [], []

    def small_memory(model, rows, *, recompute, **options):
        lengths = [len(row["input_ids"]) for row in rows]
        if not recompute and max(lengths) == longest:
            refused.append(lengths)
            raise torch.OutOfMemoryError("CUDA out of memory")
        computed.append((len(lengths) * max(lengths) >= longest, recompute))
        return plain(model, rows, recompute=recompute, **options)

    monkeypatch.setattr(engine, "rows_nll", small_memory)
    summary = train(base_folder, examples, tmp_path, epochs=1, batch_size=11, micro_tokens=longest)
    assert summary["micro_tokens"] == longest
    assert len(refused) == 1
    assert {recompute for large, recompute in computed[-3:] if not large} == {False}


def test_without_room_for_a_row_the_remedy_names_what_is_not_used_yet(
    base_folder, examples, tmp_path, monkeypatch
):
    def no_memory(model, rows, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine, "rows_nll", no_memory)
    for checkpointing, named in (("off", True), ("auto", False), ("on", False)):
        with pytest.raises(ModelError) as caught:
            train(base_folder, examples, tmp_path / checkpointing, checkpointing=checkpointing)
        assert ("checkpointing: on" in caught.value.remedy) == named


@pytest.fixture(scope="module")
def base_that_cannot_recompute(tmp_path_factory) -> Path:
    return save_base(tmp_path_factory.mktemp("jetmoe"), tiny_jetmoe())


def test_without_room_for_a_row_nothing_is_advised_that_the_architecture_cannot_do(
    base_that_cannot_recompute, examples, tmp_path, monkeypatch
):
    def no_memory(model, rows, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine, "rows_nll", no_memory)
    for checkpointing in ("auto", "off"):
        with pytest.raises(ModelError, match="One example alone") as caught:
            train(base_that_cannot_recompute, examples, tmp_path / checkpointing, checkpointing=checkpointing)
        assert "checkpointing" not in caught.value.remedy


def test_one_row_that_does_not_fit_is_a_clear_error(base_folder, examples, tmp_path, monkeypatch):
    def no_memory(model, rows, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine, "rows_nll", no_memory)
    with pytest.raises(ModelError, match="One example alone"):
        train(base_folder, examples, tmp_path)


def test_a_loss_that_is_no_number_stops_before_the_weights_are_touched(
    base_folder, examples, tmp_path, monkeypatch
):
    plain = engine.rows_nll
    calls = []

    def breaks(model, rows, **options):
        calls.append(None)
        nll = plain(model, rows, **options)
        return nll * float("nan") if engine_step(tmp_path) >= 6 else nll

    def engine_step(folder):
        return len(steps(folder)) if (folder / "steps.jsonl").exists() else 0

    monkeypatch.setattr(engine, "rows_nll", breaks)
    recipe = make_recipe(base_folder)
    base = load_base(recipe.model, device="cpu")
    with pytest.raises(DivergedError, match="in step 7") as caught:
        train_adapter(recipe, examples=examples, base=base, folder=tmp_path, progress=Silent())
    assert caught.value.exit_code == 4
    newest = load_checkpoint(checkpoint_folders(tmp_path / "checkpoints")[-1])
    assert newest.step == 6
    in_memory = adapter_tensors(base.model)
    assert set(in_memory) == set(newest.adapter)
    assert all(torch.equal(in_memory[name], saved) for name, saved in newest.adapter.items())


def test_eight_examples_are_learned_by_heart(base_folder, tmp_path):
    write_rows(tmp_path / "examples" / "train", random_rows(8, seed=5))
    write_rows(tmp_path / "examples" / "validation", [])
    train(
        base_folder,
        tmp_path / "examples",
        tmp_path / "adapter",
        epochs=100,
        batch_size=8,
        learning_rate=2e-2,
        save_every=100,
    )
    losses = [row["loss"] for row in steps(tmp_path / "adapter")]
    assert losses[0] > 3
    assert losses[-1] < losses[0] / 8  # with dropout on


def test_a_warmup_longer_than_the_training_is_told(base_folder, examples, tmp_path):
    told = Told()

    train(base_folder, examples, tmp_path, progress=told, warmup=100, epochs=0.5)

    assert "training.warmup asks for 100 steps, but the training has 3" in "".join(told.notes)
    assert [row["learning_rate"] for row in steps(tmp_path)] == pytest.approx([2.5e-3, 5e-3, 2.5e-3])


def test_without_validation_the_last_step_is_saved(base_folder, examples, tmp_path):
    shutil.copytree(examples / "train", tmp_path / "examples" / "train")
    write_rows(tmp_path / "examples" / "validation", [])
    summary = train(base_folder, tmp_path / "examples", tmp_path / "adapter", epochs=1)
    assert summary["best_step"] is None
    newest = checkpoint_folders(tmp_path / "adapter" / "checkpoints")[-1]
    saved, last = (
        load_file(tmp_path / "adapter/adapter_model.safetensors"),
        load_file(newest / "adapter.safetensors"),
    )
    assert all(torch.equal(saved[name], last[name]) for name in last)


def test_checkpoints_of_another_training_are_not_used_and_not_deleted(base_folder, examples, tmp_path):
    asked = iter([False] * 6 + [True])
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path, should_stop=lambda: next(asked))
    before = [place.name for place in checkpoint_folders(tmp_path / "checkpoints")]
    with pytest.raises(RunFolderError, match="another training"):
        train(base_folder, examples, tmp_path, learning_rate=1e-4)
    assert [place.name for place in checkpoint_folders(tmp_path / "checkpoints")] == before


@pytest.mark.parametrize("other", ["train", "validation", "base", "lora"])
def test_checkpoints_of_other_examples_another_base_or_another_adapter_are_refused(
    other, base_folder, examples, stopped, tmp_path
):
    examples = Path(shutil.copytree(examples, tmp_path / "examples"))
    if other == "base":
        model = tiny_llama()
        with torch.no_grad():
            next(model.parameters()).view(-1)[0] += 1
        base_folder = save_base(tmp_path / "base", model)
    elif other != "lora":  # as many rows, so that the number of steps is the same
        write_rows(examples / other, random_rows(22 if other == "train" else 5, seed=9))
    recipe = make_recipe(base_folder)
    if other == "lora":
        recipe = recipe.model_copy(update={"lora": recipe.lora.model_copy(update={"alpha": 9.0})})
    before = [place.name for place in checkpoint_folders(stopped / "checkpoints")]
    base = load_base(recipe.model, device="cpu")
    with pytest.raises(RunFolderError, match="another training"):
        train_adapter(recipe, examples=examples, base=base, folder=stopped, progress=Silent())
    assert [place.name for place in checkpoint_folders(stopped / "checkpoints")] == before


SCALE = {"scale": 4096.0, "dynamic": True, "good_steps": 7, "skips_in_a_row": 2, "skipped": 3}


@pytest.mark.parametrize(
    ("left", "after"),
    [
        ({}, SCALE | {"good_steps": 13, "skips_in_a_row": 0}),
        ({"precision": "fp16"}, asdict(LossScale())),  # another number format has a scale of its own
    ],
)
def test_the_loss_scale_goes_on_where_it_was_in_the_same_number_format(
    left, after, base_folder, examples, stopped
):
    as_left_by_another(stopped, scale=SCALE, **left)
    summary = train(base_folder, examples, stopped)
    newest = load_checkpoint(checkpoint_folders(stopped / "checkpoints")[-1])
    assert (newest.step, newest.state["scale"]) == (12, after)
    assert summary["skipped"] == after["skipped"]


def test_with_one_kept_checkpoint_a_damaged_one_is_replaced_by_what_is_trained_anew(
    base_folder, examples, uninterrupted, tmp_path
):
    asked = iter([False] * 6 + [True])
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path, keep=1, should_stop=lambda: next(asked))
    (checkpoint_folders(tmp_path / "checkpoints")[-1] / "state.json").write_text("{}")
    asked_again, told = iter([False, True]), Told()
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path, keep=1, should_stop=lambda: next(asked_again), progress=told)
    assert [note.partition(" is damaged or missing. ")[2] for note in told.notes if "damaged" in note] == [
        "No checkpoint is whole: training begins anew."
    ]
    assert [place.name for place in checkpoint_folders(tmp_path / "checkpoints")] == ["step-000002"]
    train(base_folder, examples, tmp_path, keep=1)
    assert sha256_file(tmp_path / "adapter_model.safetensors") == sha256_file(
        uninterrupted / "adapter_model.safetensors"
    )


@pytest.mark.parametrize("packs", [True, False])
def test_the_validation_loss_weighs_every_answer_token_alike_however_many_groups_are_read(
    packs, base_folder, tmp_path, monkeypatch
):
    model, rows = load_base(make_recipe(base_folder).model, device="cpu").model, random_rows(11, seed=4)
    packed = packed_decoder(model) if packs else None
    assert (packed is not None) is packs
    monkeypatch.setattr(validation, "ROWS_IN_MEMORY", 4)
    token_set = write_rows(tmp_path / "rows", rows)
    found = validation.validation_loss(model, token_set, MemoryPlan(micro_tokens=90), packed=packed)
    with torch.no_grad():
        nll = sum(float(plain_nll(model, row)) for row in rows)
    count = sum(label != IGNORED for row in rows for label in row["labels"])
    assert found == pytest.approx(nll / count, rel=1e-5)


def test_memory_that_runs_out_in_validation_makes_its_batches_smaller(
    base_folder, examples, uninterrupted, tmp_path, monkeypatch
):
    plain = validation.rows_nll

    def small_memory(model, rows, **options):
        if len(rows) > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return plain(model, rows, **options)

    monkeypatch.setattr(validation, "rows_nll", small_memory)
    train(base_folder, examples, tmp_path)
    ours, theirs = (
        {row["step"]: row["validation_loss"] for row in steps(folder) if "validation_loss" in row}
        for folder in (tmp_path, uninterrupted)
    )
    assert len(theirs) == 4
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_validation_remembers_that_memory_ran_out_and_makes_room(
    base_folder, examples, tmp_path, monkeypatch
):
    base = load_base(make_recipe(base_folder).model, device="cpu")
    rows = write_rows(tmp_path / "rows", random_rows(12, longest=3))
    plain, refused, emptied = validation.rows_nll, [], []

    def small_memory(model, rows, **options):
        if len(rows) > 1:
            refused.append(len(rows))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(model, rows, **options)

    monkeypatch.setattr(validation, "ROWS_IN_MEMORY", 4)
    monkeypatch.setattr(validation, "rows_nll", small_memory)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(None))
    validation.validation_loss(base.model, rows, MemoryPlan(micro_tokens=1000))
    assert 1 <= len(refused) <= 3  # in the first of three groups alone
    assert len(emptied) == len(refused)


def test_the_next_validation_goes_on_with_what_did_fit_and_says_so(
    base_folder, examples, tmp_path, monkeypatch
):
    plain, refused, told = validation.rows_nll, [], Told()

    def small_memory(model, rows, **options):
        if len(rows) > 1:
            refused.append(len(rows))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(model, rows, **options)

    monkeypatch.setattr(validation, "rows_nll", small_memory)
    train(base_folder, examples, tmp_path, progress=told)
    notes = [note for note in told.notes if "Out of memory in validation" in note]
    assert len(notes) == 1
    assert notes[0].endswith("tokens; same loss.")


def test_a_validation_example_that_finds_no_memory_is_called_that(
    base_folder, examples, tmp_path, monkeypatch
):
    def no_memory(model, rows, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(validation, "rows_nll", no_memory)
    with pytest.raises(ModelError, match="One validation example alone"):
        train(base_folder, examples, tmp_path)


@pytest.mark.parametrize(("before", "tokens"), [("cpu", 50), ("cuda", 4096)])
def test_on_another_kind_of_device_the_plan_made_for_it_is_kept(
    before, tokens, base_folder, examples, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(native_backend.NativeBackend, "device_type", before)
        patch.setattr(
            session, "plan_memory", lambda *_, **__: MemoryPlan(micro_tokens=50, checkpointing=True)
        )
        with pytest.raises(StoppedError):
            train(base_folder, examples, tmp_path, should_stop=lambda: True, micro_tokens="auto")
    summary = train(base_folder, examples, tmp_path, micro_tokens="auto")
    assert (summary["micro_tokens"], summary["checkpointing"]) == (tokens, True)


@pytest.mark.parametrize(
    ("asked", "plan", "said", "is_same"),
    [
        ({"checkpointing": "on"}, (60, True), None, True),
        ({"micro_tokens": 20}, (20, False), "now hold 20 tokens, before 60", False),
        ({"micro_tokens": 5000}, (60, False), "keep 60 tokens as before", True),
        ({"micro_tokens": "auto"}, (60, False), None, True),
    ],
)
def test_a_training_goes_on_with_less_memory_where_that_is_asked_for(
    asked, plan, said, is_same, base_folder, examples, uninterrupted, stopped
):
    told = Told()
    summary = train(base_folder, examples, stopped, progress=told, **asked)
    assert told.begun["Training"] == (12, 6)
    assert (summary["micro_tokens"], summary["checkpointing"]) == plan
    notes = [note for note in told.notes if "Micro-batches" in note]
    assert len(notes) == (0 if said is None else 1)
    assert said is None or said in notes[0]
    ends = [checkpoint_folders(path / "checkpoints")[-1] for path in (stopped, uninterrupted)]
    assert [end.name for end in ends] == ["step-000012"] * 2
    ours, whole = (sha256_file(end / "adapter.safetensors") for end in ends)
    assert (ours == whole) is is_same


def test_activations_that_were_recomputed_are_kept_again_where_that_is_asked_for(
    base_folder, examples, stopped, monkeypatch
):
    with pytest.raises(StoppedError):
        train(base_folder, examples, stopped, checkpointing="on", should_stop=lambda: True)
    monkeypatch.setattr(  # what fits where nothing is recomputed
        session, "plan_memory", lambda *_, **__: MemoryPlan(micro_tokens=40)
    )
    summary = train(base_folder, examples, stopped, checkpointing="off", micro_tokens="auto")
    assert (summary["micro_tokens"], summary["checkpointing"]) == (40, False)


@pytest.mark.parametrize("now", [{}, {"micro_tokens": 20}, {"checkpointing": "on"}])
def test_a_checkpoint_of_an_earlier_version_which_identified_it_by_its_cut_goes_on(
    now, base_folder, examples, tmp_path, monkeypatch
):
    with monkeypatch.context() as earlier:
        earlier.setattr(session, "CUT_BY_ITSELF", {})
        with pytest.raises(StoppedError):
            train(base_folder, examples, tmp_path, should_stop=lambda: True)
    told = Told()
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path, should_stop=lambda: True, progress=told, **now)
    assert told.begun["Training"] == (12, 1)
    places = checkpoint_folders(tmp_path / "checkpoints")
    assert len({load_checkpoint(place).state["identity"] for place in places}) == 2


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ({}, None),
        ({"processor": None, "torch": None}, None),  # of an earlier version
        ({"processor": "Another CPU"}, "the one before on Another CPU: the result is no longer bit-exact"),
        ({"torch": "2.0.0"}, "the one before on torch 2.0.0: the result is no longer bit-exact"),
        ({"threads": 65}, "had 65 threads, and there are 64 processor cores here: the result is no longer"),
        ({"threads": 64}, "Using 64 threads as before."),
        ({"threads": 64, "device": "cuda", "precision": "fp16"}, "the one before on cuda fp16: "),
    ],
)
def test_a_resumed_training_tells_what_makes_its_last_digits_others(
    before, said, base_folder, examples, stopped, monkeypatch
):
    monkeypatch.setattr(native_backend, "usable_cores", lambda: 64)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    set_to: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    as_left_by_another(stopped, **{"threads": 2} | before)
    told = Told()
    with pytest.raises(StoppedError):
        train(base_folder, examples, stopped, should_stop=lambda: True, progress=told)
    notes = [note for note in told.notes if "bit-exact" in note or "threads" in note]
    assert len(notes) == (0 if said is None else 1)
    assert said is None or said in notes[0]
    assert set_to == ([64] if said == "Using 64 threads as before." else [])


def test_trainings_that_share_a_device_plan_with_a_share_of_its_memory(base_folder, examples, tmp_path):
    def micro_tokens(total_memory: int, concurrent: int) -> int:
        recipe = make_recipe(base_folder, micro_tokens="auto", epochs=0.1)
        base = load_base(recipe.model, device="cpu")
        base.facts["device"]["total_memory"] = total_memory
        folder = tmp_path / f"{total_memory}-{concurrent}"
        summary = train_adapter(
            recipe, examples=examples, base=base, folder=folder, concurrent=concurrent, progress=Silent()
        )
        return summary["micro_tokens"]

    assert micro_tokens(60_000_000, 2) == micro_tokens(30_000_000, 1) < micro_tokens(60_000_000, 1)


@pytest.mark.parametrize(("now", "is_told"), [("NVIDIA A100", True), ("Tesla T4", False)])
def test_a_resumed_training_tells_of_another_gpu(now, is_told, base_folder, examples, tmp_path, monkeypatch):
    monkeypatch.setattr(native_backend.NativeBackend, "gpu", "Tesla T4")
    with pytest.raises(StoppedError):
        train(base_folder, examples, tmp_path, should_stop=lambda: True, epochs=1)
    monkeypatch.setattr(native_backend.NativeBackend, "gpu", now)
    told = Told()
    train(base_folder, examples, tmp_path, progress=told, epochs=1)
    assert any("works on NVIDIA A100, the one before on Tesla T4" in note for note in told.notes) is is_told


def test_layers_that_only_visit_a_gpu_without_recomputing_are_told(
    base_folder, examples, tmp_path, monkeypatch
):
    monkeypatch.setattr(native_backend, "is_offloaded", lambda _: True)
    for checkpointing, said in (("off", True), ("on", False)):
        told = Told()
        train(
            base_folder, examples, tmp_path / checkpointing,
            progress=told, checkpointing=checkpointing, epochs=0.1,
        )  # fmt: skip
        assert any("training.checkpointing: off" in note for note in told.notes) == said


def test_layers_that_only_visit_a_gpu_are_told_of_where_the_architecture_cannot_recompute(
    base_that_cannot_recompute, examples, tmp_path, monkeypatch
):
    monkeypatch.setattr(native_backend, "is_offloaded", lambda _: True)
    told = Told()
    train(base_that_cannot_recompute, examples, tmp_path, progress=told, epochs=0.1)
    (note,) = [note for note in told.notes if "stay there until the backward pass" in note]
    assert "JetMoeForCausalLM, which cannot recompute" in note
    assert "training.checkpointing" not in note


@pytest.mark.parametrize("quantization", ["none", "int8", "nf4"])
def test_weights_are_counted_as_if_they_were_not_packed(quantization, base_folder):
    section = make_recipe(base_folder).model
    plain = sum(weight.numel() for weight in load_base(section, device="cpu").model.parameters())
    base = load_base(section.model_copy(update={"quantization": quantization}), device="cpu")
    new_adapter(base, LoraSection(rank=4), seed=0)
    trained = sum(tensor.numel() for tensor in adapter_tensors(base.model).values())
    total = plain + trained
    assert count_parameters(base) == {"parameters": trained, "total": total, "share": trained / total}


def test_dropout_masks_differ_between_layers_steps_and_seeds(base_folder):
    base = load_base(make_recipe(base_folder).model, device="cpu")
    new_adapter(base, LoraSection(), seed=0)
    shape, masks = torch.Size([50]), set()
    count = 0
    for seed in (0, 1, 2**40, 2**62):
        for step in (1, 2, 300_000):
            for micro in (0, 1):
                of_batch = engine.mask_seed(seed=seed, step=step, micro=micro)
                for _, layer in lora_layers(base.model):
                    number = of_batch + layer.place
                    masks.add(silenced(shape, 0.5, number, torch.device("cpu")).numpy().tobytes())
                    count += 1
    assert len(masks) == count


def test_save_every_auto_also_saves_when_enough_time_has_passed(
    base_folder, examples, uninterrupted, tmp_path, monkeypatch
):
    monkeypatch.setattr(native_backend, "SAVE_SECONDS", 0.0)
    for name, steps_saved in (("auto", 3), ("epoch", 2)):
        train(base_folder, examples, tmp_path / name, save_every=name, keep=3)
        assert len(checkpoint_folders(tmp_path / name / "checkpoints")) == steps_saved
    weights = [load_file(path / "adapter_model.safetensors") for path in (tmp_path / "auto", uninterrupted)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])


def test_after_a_checkpoint_the_time_until_the_next_begins_anew(base_folder, examples, tmp_path, monkeypatch):
    begun, save, saved = time.monotonic(), native_backend.save_checkpoint, []

    def watched(folder, checkpoint, **options):
        saved.append(checkpoint.step)
        return save(folder, checkpoint, **options)

    clock = SimpleNamespace(monotonic=lambda: begun + 250.0 * len(steps(tmp_path)))  # a step takes 250 s
    monkeypatch.setattr(native_backend, "time", clock)
    monkeypatch.setattr(native_backend, "save_checkpoint", watched)
    train(base_folder, examples, tmp_path, save_every="auto")
    assert saved == [3, 6, 9, 12]
