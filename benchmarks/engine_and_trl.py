"""Step losses of MedAdapt's engine and of TRL's SFTTrainer, side by side, for each architecture class.

The models are tiny and random, the rows random tokens: what is shown is that both compute the same, not how
good or how fast they are. fp32, no dropout, the same rows in the same order, the same first adapter. Every
step of 8 rows is cut into pieces, the last step of an epoch has fewer rows, the gradient is clipped, weights
decay, and the learning rate rises over the first steps.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

FAMILIES = {
    "Llama": "llama", "Mistral": "mistral", "OPT": "opt-tiny", "BioGPT": "biogpt", "GPT-2": "gpt2",
    "GPT-NeoX": "pythia", "Qwen2": "qwen2", "Qwen3": "qwen3", "Gemma": "gemma", "Gemma 2": "gemma-2-tiny",
    "Phi": "phi-2", "Phi-3": "phi-3",
}  # fmt: skip
"""Title of a panel -> a name from which the architecture is known."""
ROWS, VALIDATION_ROWS = 46, 8
TRAINING = {
    "epochs": 4, "batch_size": 8, "learning_rate": 1.0e-2, "warmup": 3, "weight_decay": 0.1, "max_grad_norm": 0.3,
    "eval_every": 6, "micro_tokens": 110, "checkpointing": "off", "tracking": [],
}  # fmt: skip
LORA = {"rank": 4, "alpha": 8, "dropout": 0.0}
TOLERANCE = 1e-4
"""Largest relative difference of a step's loss that counts as the same."""


def measure() -> dict[str, Any]:
    """Losses of every step by both, for each family, and the largest relative difference."""
    families = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_examples(folder / "examples")
        for title, base in FAMILIES.items():
            families[title] = compare(base, folder / title, folder / "examples")
            print(f"  {title}: {families[title]['largest_difference']:.1e}", flush=True)
    return {"training": TRAINING, "lora": LORA, "rows": ROWS, "tolerance": TOLERANCE, "families": families}


def compare(base: str, folder: Path, examples: Path) -> dict[str, Any]:
    """Train one tiny base with both engines."""
    from medadapt.core.recipe import ModelSection
    from medadapt.models.smoke_base import write_smoke_base

    write_smoke_base(ModelSection(base=base), folder / "base", seed=0)
    native, trl = (train(backend, folder, examples) for backend in ("native", "trl"))
    pairs = list(zip(native["loss"], trl["loss"], strict=True))
    return {
        "native": native,
        "trl": trl,
        "largest_difference": max(abs(theirs - ours) / ours for ours, theirs in pairs),
    }


def train(backend: str, folder: Path, examples: Path) -> dict[str, list[float]]:
    """The losses of one training, from its own log."""
    from medadapt.core.progress import Silent
    from medadapt.core.recipe import Recipe
    from medadapt.models.loading import load_base
    from medadapt.training.session import train_adapter

    recipe = Recipe.model_validate(
        {
            "data": {"format": "typed_qa", "source": "unused"},
            "model": {"base": str(folder / "base"), "precision": "fp32"},
            "lora": LORA,
            "training": {**TRAINING, "backend": backend},
        }
    )
    base = load_base(recipe.model, device="cpu")
    train_adapter(recipe, examples=examples, base=base, folder=folder / backend, progress=Silent())
    lines = (folder / backend / "steps.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {
        "loss": [row["loss"] for row in rows],
        "validation_loss": [row["validation_loss"] for row in rows if "validation_loss" in row],
    }


def write_examples(folder: Path) -> None:
    """Rows of very unequal length: a prompt that is not learned and an answer that is."""
    from medadapt.examples.masking import Example, mask
    from medadapt.examples.token_sets import write_token_set

    draw = random.Random(0)

    def tokens(fewest: int, most: int) -> list[int]:
        return [draw.randrange(3, 250) for _ in range(draw.randrange(fewest, most))]

    def rows(count: int) -> Any:
        for number in range(count):
            input_ids, labels, cut = mask(tokens(2, 40), tokens(1, 9), 1000)
            yield Example(id=f"row-{number}", input_ids=input_ids, labels=labels, prompt="", completion="",
                          answer_cut=cut, prompt_cut=False)  # fmt: skip

    write_token_set(folder / "train", rows(ROWS))
    write_token_set(folder / "validation", rows(VALIDATION_ROWS))


def draw(found: dict[str, Any], path: Path) -> None:
    """Small multiples of the step losses, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    families = found["families"]
    columns = 4
    figure, grid = pyplot.subplots(
        -(-len(families) // columns), columns, figsize=(11, 7.2), sharex=True, layout="constrained"
    )
    for panel, (title, both) in zip(grid.flat, families.items(), strict=False):
        steps = range(1, len(both["native"]["loss"]) + 1)
        panel.plot(steps, both["native"]["loss"], color="#9ecae1", linewidth=5, label="MedAdapt's engine")
        panel.plot(steps, both["trl"]["loss"], color="#222222", linewidth=1.2, label="TRL's SFTTrainer")
        panel.set_title(f"{title}   largest difference {both['largest_difference']:.1e}", fontsize=9)
        panel.grid(alpha=0.3)
        panel.tick_params(labelsize=8)
    for panel in list(grid.flat)[len(families) :]:
        panel.axis("off")
    figure.supxlabel("optimiser step", fontsize=10)
    figure.supylabel("loss of the step, nats per answer token", fontsize=10)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
