"""Every bundled recipe from the first row to the report, at toy size: its own architecture and quantisation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from medadapt.core.files import read_json
from medadapt.core.progress import Silent
from medadapt.core.results import read_predictions
from medadapt.models.loading import load_base
from medadapt.models.tiny_config import tiny_config
from medadapt.samples.bundled import recipe_names
from medadapt.workflow.demo import DEMOS as TASKS
from medadapt.workflow.demo import recipe_name
from medadapt.workflow.locating import locate
from medadapt.workflow.outcome import Outcome, run
from medadapt.workflow.request import RunRequest

EXPECTED = {
    "symptom-diagnosis-opt-1.3b": ("OPTForCausalLM", "none", "opt"),
    "symptom-qa-llama-3.2-1b-qlora": ("LlamaForCausalLM", "nf4", "llama2"),
    "dialogue-biogpt": ("BioGptForCausalLM", "none", "biogpt"),
    "medical-qa-mistral-7b-int8": ("MistralForCausalLM", "int8", "llama2"),
    "multiple-choice-llama-3.1-8b": ("LlamaForCausalLM", "nf4", "llama2"),
}
"""Recipe -> architecture class, quantisation, and a real tokenizer of the family."""
DEMOS = [recipe_name(task) for task in TASKS]
LAYER_CLASS = {"none": "Linear", "nf4": "Linear4bit", "int8": "Linear8bitLt"}


def smoke_run(recipe: str, folder: Path, *overrides: str) -> Outcome:
    found = locate(recipe, output=folder, overrides=overrides, smoke=True)
    return run(RunRequest(recipe=found.recipe, folder=found.folder, smoke=True, device="cpu"), Silent())


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Any:
    """A finished smoke run of a recipe, made when it is first asked for."""
    made: dict[str, Path] = {}

    def of(recipe: str) -> Path:
        if recipe not in made:
            folder = tmp_path_factory.mktemp("smoke") / recipe
            assert smoke_run(recipe, folder).exit_code == 0
            made[recipe] = folder
        return made[recipe]

    return of


def test_no_bundled_recipe_is_left_out():
    assert {*EXPECTED, *DEMOS} == set(recipe_names())


@pytest.mark.parametrize(
    "recipe", [DEMOS[0], *(pytest.param(name, marks=pytest.mark.slow) for name in DEMOS[1:])]
)
def test_a_demo_recipe_passes_a_smoke_run(recipe: str, sample_base: Path, tmp_path: Path):
    outcome = smoke_run(recipe, tmp_path / "run")

    assert (outcome.exit_code, outcome.status) == (0, "done")
    tiny = read_json(tmp_path / "run" / "0-base" / "config.json")
    assert tiny["architectures"] == ["LlamaForCausalLM"]
    state = read_json(tmp_path / "run" / "run.json")
    assert state["prediction"]["base"] == "sample:base (tiny random stand-in)"


@pytest.mark.parametrize("recipe", EXPECTED)
def test_a_recipe_passes_a_smoke_run(recipe: str, runs: Any):
    folder = runs(recipe)
    state = read_json(folder / "run.json")
    asked = EXPECTED[recipe][1]

    assert state["status"] == "done"
    assert state["quantization"] == {"asked": asked, "got": asked}
    assert 1 <= len((folder / "3-adapter" / "steps.jsonl").read_text().splitlines()) <= 4
    assert (folder / "6-report" / "index.html").is_file()


@pytest.mark.parametrize("recipe", EXPECTED)
def test_a_smoke_run_has_the_architecture_and_the_layers_of_its_recipe(recipe: str, runs: Any):
    architecture, quantization, _ = EXPECTED[recipe]
    found = locate(str(runs(recipe)), output=None)

    base = load_base(found.recipe.model, base=str(runs(recipe) / "0-base"), device="cpu")

    assert type(base.model).__name__ == architecture
    head = base.model.get_output_embeddings()
    inside = {type(layer).__name__ for layer in base.model.modules()
              if isinstance(layer, nn.Linear) and layer is not head}  # fmt: skip
    assert inside == {LAYER_CLASS[quantization]}
    assert type(head).__name__ == "Linear"  # the output layer is never quantised


def test_a_smoke_run_asks_in_every_way(tmp_path: Path):
    asked = ("prompt.options=true", "prompt.answer=letter", "prompt.template=choices", "evaluation.permutations=3",
             "evaluation.also_score=[text]", "evaluation.choice_by=relative", "evaluation.method=generate")  # fmt: skip

    outcome = smoke_run("multiple-choice-llama-3.1-8b", tmp_path / "run", *asked)

    assert (outcome.exit_code, outcome.status) == (0, "done")
    both = ("baseline", "tuned")
    sets = {path.stem for path in (tmp_path / "run" / "4-predictions").iterdir()}
    assert sets >= {
        *both,
        *(f"validation.{model}" for model in both),
        *(f"test.{model}.{way}" for model in both for way in ("rotated_1", "rotated_2", "by_text")),
        "test.tuned.options_only",
    }
    few_shot = read_json(tmp_path / "run" / "run.json")["prediction"]["few_shot"]
    assert ("test.baseline.few_shot" in sets) == bool(few_shot["shown"])
    assert outcome.metrics["permutations"]["count"] == 3
    rules = ["sum", "per_token", "per_byte", "relative"]
    by_text = ["by_text", *(f"by_text_{rule}" for rule in rules[1:])]
    assert list(outcome.metrics["scoring_rules"]) == [*rules, *by_text, "generated"]


def test_a_smoke_run_that_looks_for_the_best_labels_alone_chooses_as_one_that_scores_all(
    runs: Any, tmp_path: Path
):
    whole, best = runs("symptom-diagnosis-opt-1.3b"), tmp_path / "run"
    shutil.copytree(whole, best)  # from the same adapter

    outcome = smoke_run("symptom-diagnosis-opt-1.3b", best, "evaluation.score_choices=best")

    assert (outcome.exit_code, outcome.status) == (0, "done")
    for name in ("baseline", "tuned", "test.baseline.few_shot"):
        pairs = zip(
            *(read_predictions(run / "4-predictions" / f"{name}.jsonl") for run in (whole, best)), strict=True
        )
        for one, other in pairs:
            assert (other.choice, other.probabilities) == (one.choice, None)
            assert other.choices == {rule: one.choices[rule] for rule in ("sum", "per_token", "per_byte")}
            assert other.nll == pytest.approx(one.nll, abs=1e-3)
    assert not [*(best / "4-predictions").glob("validation.*")]
    before, after = (read_json(run / "5-metrics" / "metrics.json") for run in (whole, best))
    assert after["difference"]["accuracy"] == before["difference"]["accuracy"]
    rules = {name: before["scoring_rules"][name] for name in ("sum", "per_token", "per_byte")}
    assert {name: after["scoring_rules"][name]["tuned"] for name in rules} == {
        name: rule["tuned"] for name, rule in rules.items()
    }
    assert "score_choices" in after["scoring_rules"]["relative"]["reason"]
    assert after["calibration"].keys() == {"reason"}
    assert (best / "6-report" / "index.html").is_file()


@pytest.fixture
def base_with_real_tokenizer(shared_data: Path, tmp_path: Path) -> Any:
    """A folder as a download leaves it, but for the weights: a real tokenizer beside a configuration."""

    def of(architecture: str, tokenizer: str) -> Path:
        from transformers import AutoTokenizer

        folder = tmp_path / "base"
        shutil.copytree(shared_data / "tokenizers" / tokenizer, folder)
        real = AutoTokenizer.from_pretrained(folder)
        model_type = {"OPTForCausalLM": "opt", "BioGptForCausalLM": "biogpt", "MistralForCausalLM": "mistral"}
        config = tiny_config(model_type.get(architecture, "llama"), vocabulary_size=len(real), tokenizer=real)
        config.architectures = [architecture]
        config.save_pretrained(folder)
        return folder

    return of


@pytest.mark.parametrize("recipe", EXPECTED)
def test_a_recipe_passes_a_smoke_run_with_a_real_tokenizer(
    recipe: str, base_with_real_tokenizer: Any, tmp_path: Path
):
    architecture, quantization, tokenizer = EXPECTED[recipe]
    base = base_with_real_tokenizer(architecture, tokenizer)

    outcome = smoke_run(recipe, tmp_path / "run", f"model.base={base}")

    assert outcome.exit_code == 0
    state = read_json(tmp_path / "run" / "run.json")
    assert state["quantization"]["got"] == quantization
    vocabulary = json.loads((tmp_path / "run" / "0-base" / "config.json").read_text())["vocab_size"]
    assert vocabulary > 30_000
