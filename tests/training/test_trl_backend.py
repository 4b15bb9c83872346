"""TRL's SFTTrainer beside the engine: the same recipe gives the same losses, the same outputs, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from accelerate.optimizer import AcceleratedOptimizer
from peft import PeftModel
from peft.utils import save_and_load
from safetensors.torch import load_file

from medadapt.core.errors import DivergedError, ModelError, RecipeError, StoppedError
from medadapt.core.progress import Silent
from medadapt.core.recipe import ModelSection, Recipe
from medadapt.examples.token_sets import TokenSet
from medadapt.models.adapter import load_adapter
from medadapt.models.loading import load_base
from medadapt.training import trl_backend
from medadapt.training.memory import MemoryPlan
from medadapt.training.session import train_adapter
from medadapt.training.trl_backend import largest_cut
from medadapt.training.validation import validation_loss
from random_models import STATE_SPACE, write_random_base
from tiny import random_rows, save_base, tiny_llama, tiny_olmoe, tiny_opt, write_rows

BUILDS = {"llama": tiny_llama, "opt": tiny_opt}


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> dict[str, Path]:
    return {name: save_base(tmp_path_factory.mktemp(name), build()) for name, build in BUILDS.items()}


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> Path:
    """Twenty-two rows: three steps an epoch, the last with six rows of eight."""
    folder = tmp_path_factory.mktemp("examples")
    write_rows(folder / "train", random_rows(22, seed=1))
    write_rows(folder / "validation", random_rows(5, seed=2))
    return folder


def train(
    base_folder: Path,
    examples: Path,
    folder: Path,
    *,
    lora=None,
    model=None,
    should_stop=lambda: False,
    **training,
):
    settings = {"epochs": 4, "batch_size": 8, "learning_rate": 2e-2, "eval_every": 4, "warmup": 3, "tracking": [],
                "weight_decay": 0.1, "max_grad_norm": 0.3, "micro_tokens": 110, "checkpointing": "off"}  # fmt: skip
    values = {
        "data": {"format": "typed_qa", "source": "unused"},
        "model": {"base": str(base_folder), "precision": "fp32"} | (model or {}),
        "lora": {"rank": 4, "alpha": 8, "dropout": 0.0} | (lora or {}),
        "training": settings | training,
    }
    recipe = Recipe.model_validate(values)
    return train_adapter(
        recipe, examples=examples, base=load_base(recipe.model, device="cpu"), folder=folder,
        should_stop=should_stop, progress=Silent(),
    )  # fmt: skip


def steps(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "steps.jsonl").read_text().splitlines()]


def column(folder: Path, name: str) -> list:
    return [row[name] for row in steps(folder) if name in row]


@pytest.mark.parametrize("name", BUILDS)
def test_both_engines_give_the_same_losses(name, bases, examples, tmp_path):
    ours = train(bases[name], examples, tmp_path / "native")
    theirs = train(bases[name], examples, tmp_path / "trl", backend="trl")

    native, trl = tmp_path / "native", tmp_path / "trl"
    assert theirs["rows_at_once"] == 2  # eight rows a step go through TRL in four pieces
    assert len(column(native, "loss")) == 12
    losses = column(native, "loss")
    assert sum(losses[-3:]) < sum(losses[:3]) - 0.5  # something was learned
    assert max(column(native, "grad_norm")) > 0.3  # clipping was at work
    for figure in ("loss", "grad_norm", "validation_loss"):
        assert column(trl, figure) == pytest.approx(column(native, figure), rel=1e-4)
    assert column(trl, "learning_rate") == pytest.approx(column(native, "learning_rate"), rel=1e-12)
    for figure in ("step", "tokens", "supervised"):
        assert column(trl, figure) == column(native, figure)
    assert theirs["best_step"] == ours["best_step"]
    a, b = (load_file(folder / "adapter_model.safetensors") for folder in (native, trl))
    assert set(a) == set(b)
    moved = max(float(tensor.norm()) for key, tensor in a.items() if "lora_B" in key)
    assert max(float((a[key] - b[key]).norm()) for key in a) < 1e-3 * moved


def test_a_skipped_step_does_not_hold_back_the_learning_rate(bases, examples, tmp_path, monkeypatch):
    taken, step = [], AcceleratedOptimizer.step

    def overflowing_in_steps_3_and_4(optimizer, closure=None):
        taken.append(optimizer)
        optimizer._is_overflow = len(taken) in {3, 4}  # what fp16's scaler says; a CPU has none
        if not optimizer._is_overflow:
            step(optimizer, closure)

    train(bases["llama"], examples, tmp_path / "native")
    monkeypatch.setattr(AcceleratedOptimizer, "step", overflowing_in_steps_3_and_4)
    train(bases["llama"], examples, tmp_path / "trl", backend="trl")

    native, trl = tmp_path / "native", tmp_path / "trl"
    assert [row["step"] for row in steps(trl) if row.get("skipped")] == [3, 4]
    assert column(trl, "learning_rate") == pytest.approx(column(native, "learning_rate"), rel=1e-12)


def test_a_layer_that_gets_no_gradient_ends_trl_in_the_first_step(bases, examples, tmp_path, monkeypatch):
    step = AcceleratedOptimizer.step

    def without_the_gradient_of_one_layer(optimizer, closure=None):
        weights = (weight for group in optimizer.param_groups for weight in group["params"])
        next(weight for weight in weights if not weight.any()).grad = None
        step(optimizer, closure)

    monkeypatch.setattr(AcceleratedOptimizer, "step", without_the_gradient_of_one_layer)
    with pytest.raises(ModelError, match=r"1 adapted layers get no gradient, .* model\.layers\.0\."):
        train(bases["llama"], examples, tmp_path, backend="trl")
    assert column(tmp_path, "step") == []


@pytest.mark.parametrize("variant", ["rslora", "dora"])
def test_the_variants_of_lora_give_the_same_losses(variant, bases, examples, tmp_path):
    for backend in ("native", "trl"):
        train(
            bases["llama"], examples, tmp_path / backend, backend=backend, lora={"variant": variant}, epochs=2
        )
    assert column(tmp_path / "trl", "loss") == pytest.approx(column(tmp_path / "native", "loss"), rel=1e-4)


@pytest.mark.parametrize("model_type", STATE_SPACE)
def test_state_space_layers_train_as_with_plain_peft(model_type, examples, tmp_path):
    base = write_random_base(tmp_path / "base", model_type)
    ours, _ = (
        train(base, examples, tmp_path / backend, backend=backend, epochs=1, batch_size=11, warmup=0)
        for backend in ("native", "trl")
    )
    native, trl = tmp_path / "native", tmp_path / "trl"
    assert len(column(native, "loss")) == 2
    for figure in ("loss", "grad_norm", "validation_loss"):
        assert column(trl, figure) == pytest.approx(column(native, figure), rel=1e-3)
    assert loss_with_peft(base, native) == pytest.approx(ours["best_validation_loss"], rel=1e-4)


def test_a_mixture_of_experts_has_no_loss_for_its_router_in_either(examples, tmp_path):
    base = save_base(tmp_path / "base", tiny_olmoe())
    for backend in ("native", "trl"):
        train(base, examples, tmp_path / backend, backend=backend, epochs=1)
    asked_for = {"router_aux_loss_coef": 1.0}
    train(base, examples, tmp_path / "asked", backend="trl", epochs=1, trainer=asked_for)
    native, trl, asked = (column(tmp_path / name, "loss")[0] for name in ("native", "trl", "asked"))
    assert trl == pytest.approx(native, rel=1e-4)
    assert asked > native + 0.5  # all experts alike would add 1


def test_peft_loads_what_trl_trained_and_gives_the_logged_validation_loss(bases, examples, tmp_path):
    summary = train(bases["llama"], examples, tmp_path, backend="trl")
    loss = loss_with_peft(bases["llama"], tmp_path)
    assert loss == pytest.approx(summary["best_validation_loss"], rel=1e-4)


def loss_with_peft(base_folder: Path, adapter: Path) -> float:
    """The validation loss of the base with this adapter in plain PEFT, in nats per answer token."""
    model = PeftModel.from_pretrained(load_plain(base_folder), adapter)
    nll = count = 0
    for row in random_rows(5, seed=2):
        labels = torch.tensor([row["labels"]])
        with torch.no_grad():
            loss = model(input_ids=torch.tensor([row["input_ids"]]), labels=labels).loss
        answer = int((labels[:, 1:] != -100).sum())
        nll, count = nll + float(loss) * answer, count + answer
    return nll / count


def load_plain(folder: Path):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def test_no_pickle_and_nothing_of_the_trainer_is_left_behind(bases, examples, tmp_path):
    train(bases["llama"], examples, tmp_path, backend="trl", epochs=1)
    left = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert {"adapter_model.safetensors", "adapter_config.json", "base.json", "steps.jsonl"} <= left
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".bin", ".pt", ".pth", ".pkl"}]
    assert not (tmp_path / "checkpoints").exists()


def test_stopping_says_that_nothing_is_saved_and_the_next_call_begins_anew(bases, examples, tmp_path):
    asked = iter([False, True])
    with pytest.raises(StoppedError, match=r"after step 2 of 3; TRL saves no checkpoints"):
        train(bases["llama"], examples, tmp_path, backend="trl", epochs=1, should_stop=lambda: next(asked))
    assert column(tmp_path, "step") == [1, 2]
    train(bases["llama"], examples, tmp_path, backend="trl", epochs=1)
    assert column(tmp_path, "step") == [1, 2, 3]


def test_early_stopping_ends_trl_at_the_same_step_as_the_engine(bases, examples, tmp_path):
    stopped = {
        backend: train(
            bases["llama"], examples, tmp_path / backend, backend=backend, epochs=8, eval_every=1,
            early_stopping=2, learning_rate=0.1, schedule="constant", warmup=0,
        )["stopped_early"]
        for backend in ("native", "trl")
    }  # fmt: skip
    assert stopped["native"] is not None
    assert stopped["trl"] == stopped["native"]


def test_a_loss_that_is_no_number_ends_trl_too(bases, examples, tmp_path):
    with pytest.raises(DivergedError, match="in step"):
        train(
            bases["llama"], examples, tmp_path, backend="trl", learning_rate=1e30, warmup=0, max_grad_norm=None,
            eval_every=100,
        )  # fmt: skip


def test_the_hub_is_not_asked_about_the_base_at_each_evaluation(bases, examples, tmp_path, monkeypatch):
    asked, wrap = [], trl_backend.with_peft_layers

    def of_the_hub(model, folder):
        wrapped = wrap(model, folder)
        wrapped.peft_config["default"].base_model_name_or_path = "somebody/base"
        return wrapped

    monkeypatch.setattr(trl_backend, "with_peft_layers", of_the_hub)
    monkeypatch.setattr(save_and_load, "check_file_exists_on_hf_hub", lambda *name: asked.append(name))
    train(bases["llama"], examples, tmp_path, backend="trl", epochs=1, eval_every=1)
    assert asked == []


def test_a_setting_of_trl_reaches_it_and_is_recorded(bases, examples, tmp_path):
    plain = train(bases["llama"], examples, tmp_path / "a", backend="trl", epochs=1)
    summary = train(
        bases["llama"], examples, tmp_path / "b", backend="trl", epochs=1,
        trainer={"adam_beta1": 0.0, "optim": "adamw_torch"},
    )  # fmt: skip
    assert plain["trainer"] == {}
    assert summary["trainer"] == {"adam_beta1": 0.0, "optim": "adamw_torch"}
    first, second = column(tmp_path / "a", "loss"), column(tmp_path / "b", "loss")
    assert first[0] == second[0]
    assert first[2] != second[2]


def test_a_value_that_trl_does_not_take_is_a_mistake_of_the_recipe(bases, examples, tmp_path):
    with pytest.raises(RecipeError, match="TRL does not take these settings"):
        train(bases["llama"], examples, tmp_path, backend="trl", trainer={"optim": "adamw_of_dreams"})


def test_four_bit_weights_train_in_trl_from_the_exact_first_values(bases, examples, tmp_path):
    values = {"precision": "fp32", "quantization": "nf4"}
    train(bases["llama"], examples, tmp_path / "trl", backend="trl", epochs=1, model=values)
    train(bases["llama"], examples, tmp_path / "native", epochs=1, model=values)
    assert column(tmp_path / "trl", "loss") == pytest.approx(column(tmp_path / "native", "loss"), rel=1e-3)
    saved = load_file(tmp_path / "trl" / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}


@pytest.mark.parametrize("variant", ["lora", "dora"])
@pytest.mark.parametrize("model", [{"precision": "bf16"}, {"precision": "bf16", "quantization": "nf4"}])
def test_in_short_formats_the_validation_loss_is_that_of_the_adapter_as_it_is_loaded(
    model, variant, bases, examples, tmp_path
):
    summary = train(
        bases["llama"], examples, tmp_path, backend="trl", epochs=2, model=model, lora={"variant": variant}
    )
    base = load_base(ModelSection(base=str(bases["llama"]), **model), device="cpu")
    load_adapter(base, tmp_path)
    plan = MemoryPlan(micro_tokens=summary["micro_tokens"])
    loss = validation_loss(base.model, TokenSet(examples / "validation"), plan)
    assert loss == pytest.approx(summary["best_validation_loss"], rel=1e-6)


@pytest.mark.parametrize(
    ("batch_size", "longest", "budget", "rows"),
    [(8, 10, 1000, 8), (8, 10, 79, 4), (8, 10, 5, 1), (7, 10, 60, 1), (6, 10, 30, 3)],
)
def test_a_step_is_cut_into_equal_pieces_that_fit(batch_size, longest, budget, rows):
    assert largest_cut(batch_size, longest=longest, budget=budget) == rows
