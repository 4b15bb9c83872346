"""What only a GPU can show: gradients, scores and answers as on the CPU, 16-bit and packed weights, and resuming.

`make test-gpu` runs these, in a few minutes on one device; everywhere else the marker leaves them out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from medadapt.core.errors import StoppedError
from medadapt.core.progress import Silent
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.results import read_predictions
from medadapt.models.adapter import new_adapter
from medadapt.models.loading import load_base
from medadapt.models.lora import adapter_tensors, lora_layers
from medadapt.models.packed.decoder import packed_decoder
from medadapt.samples import recipe_names
from medadapt.training.engine import accumulate_gradient
from medadapt.training.loss import rows_nll
from medadapt.training.memory import MemoryPlan, recompute_activations
from medadapt.training.session import train_adapter
from tiny import random_rows, save_base, tiny_llama, tiny_opt, write_rows
from training.test_gradients import adapted, largest_error, peft_gradients

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module", autouse=True)
def device() -> str:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return "cuda"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base(tmp_path_factory.mktemp("llama"), tiny_llama(width=64))


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    write_rows(folder / "train", random_rows(24, seed=1))
    write_rows(folder / "validation", random_rows(6, seed=2))
    return folder


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("build", [tiny_llama, tiny_opt])
def test_the_gradient_is_that_of_plain_peft_on_the_cpu(build, recompute, device):
    """On Llama's packed layers, and on padded rows of OPT's own; in fp32."""
    rows = random_rows(9)
    model = adapted(build, torch.float32)
    theirs = peft_gradients(build, torch.float32, rows, adapter_tensors(model))
    model.to(device)
    if recompute:
        recompute_activations(model)
    accumulate_gradient(
        model,
        rows,
        memory=MemoryPlan(micro_tokens=200, checkpointing=recompute),
        step=1,
        seed=0,
        packed=packed_decoder(model),
    )
    ours = {name: tensor.grad.cpu() for name, tensor in adapter_tensors(model).items()}
    assert largest_error(ours, theirs) <= 1e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_16_bits_rows_that_are_packed_do_not_see_each_other(dtype, device):
    """A neighbour that differs changes the sum by its own loss and nothing else; what leaks would be far larger."""
    model = adapted(tiny_llama, torch.float32).to(device, dtype).eval()
    packed = packed_decoder(model)
    first, *others = random_rows(5)
    with torch.no_grad():
        alone = float(rows_nll(model, [first], packed=packed))
        for other in others:
            together = float(rows_nll(model, [first, other], packed=packed))
            assert together - float(rows_nll(model, [other], packed=packed)) == pytest.approx(alone, rel=0.02)


@pytest.mark.parametrize("quantization", ["none", "int8", "nf4"])
@pytest.mark.parametrize("precision", ["fp16", "auto"])
def test_a_base_is_packed_as_asked_for_and_its_adapter_learns(quantization, precision, llama, device):
    section = ModelSection(base=str(llama), quantization=quantization, precision=precision)
    base = load_base(section, device=device)
    assert base.facts["quantization"] == {"asked": quantization, "got": quantization}
    new_adapter(base, LoraSection(rank=4), seed=0)
    for _, layer in lora_layers(base.model):
        torch.nn.init.normal_(layer.lora_B, std=0.1)
    accumulate_gradient(
        base.model.train(),
        random_rows(6),
        memory=MemoryPlan(micro_tokens=100),
        step=1,
        seed=0,
        packed=packed_decoder(base.model),
    )
    gradients = [tensor.grad for tensor in adapter_tensors(base.model).values()]
    assert all(gradient.isfinite().all() and gradient.any() for gradient in gradients)


def train(base: Path, examples: Path, folder: Path, device: str, **options: Any) -> dict[str, Any]:
    """Twelve steps of four rows, with dropout and a checkpoint after each."""
    precision = options.pop("precision", "fp32")
    recipe = recipe_from(
        {
            "data": {"format": "typed_qa", "source": "unused"},
            "model": {"base": str(base), "precision": precision},
            "lora": {"rank": 4, "alpha": 8, "dropout": 0.2},
            "training": {
                "epochs": 2,
                "batch_size": 4,
                "learning_rate": 5e-3,
                "save_every": 1,
                "tracking": [],
            },
        },
        where="test",
    )
    loaded = load_base(recipe.model, device=device)
    return train_adapter(recipe, examples=examples, base=loaded, folder=folder, progress=Silent(), **options)


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / "steps.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_training_learns_in_every_number_format(precision, llama, examples, tmp_path, device):
    summary = train(llama, examples, tmp_path, device, precision=precision)
    course = losses(tmp_path)
    assert (summary["steps"], len(course)) == (12, 12)
    assert sum(course[-4:]) < sum(course[:4])


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(llama, examples, tmp_path, device):
    """The same masks and rows; a GPU adds up in another order each time, so the losses are nearly the same."""
    train(llama, examples, tmp_path / "whole", device)
    asked = iter([False] * 5 + [True])
    with pytest.raises(StoppedError):
        train(llama, examples, tmp_path / "stopped", device, should_stop=lambda: next(asked))
    train(llama, examples, tmp_path / "stopped", device)
    assert losses(tmp_path / "stopped") == pytest.approx(losses(tmp_path / "whole"), rel=1e-3)


def medadapt(*words: str) -> int:
    """Exit code of a command in a process of its own."""
    return subprocess.run([sys.executable, "-m", "medadapt", *words], check=False).returncode


@pytest.mark.parametrize("task", ["symptoms", "qa"])
def test_both_models_choose_and_write_what_they_do_on_a_cpu(task, tmp_path, device):
    """The same adapter asked on both; in fp32, so that a choice differs only where two are as good as equal."""
    run = tmp_path / "run"
    quick = ("--set", "training.epochs=0.5", "--set", "model.precision=fp32")
    medadapt(
        "demo", "--task", task, "-o", str(run), "--device", device, *quick
    )  # what it learned does not matter
    found = {}
    for place in (device, "cpu"):
        assert medadapt("predict", str(run), "--replace", "--device", place) == 0
        for name in ("baseline", "tuned"):
            rows = read_predictions(run / "4-predictions" / f"{name}.jsonl")
            found[place, name] = [row.choice if task == "symptoms" else row.text for row in rows]
    for name in ("baseline", "tuned"):
        pairs = list(zip(found[device, name], found["cpu", name], strict=True))
        assert sum(ours == theirs for ours, theirs in pairs) >= 0.98 * len(pairs)


@pytest.mark.parametrize("name", [name for name in recipe_names() if not name.startswith("demo-")])
def test_every_bundled_recipe_runs_through(name, tmp_path, device):
    assert medadapt("run", name, "--smoke", "-o", str(tmp_path / "run"), "--device", device) == 0
