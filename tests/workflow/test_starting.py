"""What the adapter of `model.adapter` was trained on, held against the test records of the run that starts from it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.files import read_json, write_text
from medadapt.core.progress import Silent
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import read_recipe, recipe_from
from medadapt.core.recipe_writing import recipe_text
from medadapt.core.records import Record, write_records
from medadapt.core.results import START_ADAPTER
from medadapt.core.run_folder import RunFolder
from medadapt.workflow import notes
from medadapt.workflow.measuring import measure
from medadapt.workflow.outcome import run
from medadapt.workflow.outputs import mark_of
from medadapt.workflow.request import RunRequest
from medadapt.workflow.starting import start_overlap
from medadapt.workflow.state import RunState, StageState, now, read_state, write_state
from serving_runs import diagnosis_run_in

SIGNS = [
    "fever",
    "a dry cough",
    "pale skin",
    "sore knees",
    "dim sight",
    "night sweats",
    "hiccups",
    "a stiff neck",
]
NONE_KNOWN = {"known": False, "count": None, "exact": None, "near": None, "flagged": []}


def recipe_with(adapter: Path | str | None, *, epochs: int = 1) -> Recipe:
    values = {
        "data": {"format": "symptom_table", "source": "rows.csv"},
        "model": {"base": "base", "adapter": None if adapter is None else str(adapter)},
        "training": {"epochs": epochs},
    }
    return recipe_from(values, where="test")


def records(signs: list[str]) -> list[Record]:
    return [
        Record(id=sign, source_row=row, group=sign, question=sign, answer="Cold", label="Cold")
        for row, sign in enumerate(signs, 1)
    ]


def write_run(
    folder: Path,
    recipe: Recipe,
    *,
    train: list[str],
    validation: list[str] | None = None,
    smoke: bool = False,
) -> Path:
    """A run folder as prepare and train leave it; the adapter's weights are what the folder is called."""
    made = RunFolder(folder)
    made.adapter.mkdir(parents=True)
    weights = made.adapter / "adapter_model.safetensors"
    weights.write_text(folder.name)
    marks = {}
    for name, signs in (("train", train), ("validation", validation or [])):
        write_records(made.records / f"{name}.jsonl", records(signs))
        marks[f"{name}.jsonl"] = mark_of(made.records / f"{name}.jsonl")
    write_text(made.recipe, recipe_text(recipe))
    start = Path(recipe.model.adapter or "") / weights.name
    inputs = {"source adapter": mark_of(start).sha256} if start.is_file() else {}
    stages = {
        "prepare": StageState(status="done", inputs={}, outputs=marks),
        "train": StageState(status="done", inputs=inputs, outputs={weights.name: mark_of(weights)}),
    }
    state = RunState(name=folder.name, status="partial", smoke=smoke, stages=stages, started=now())
    write_state(made, state)
    return made.adapter


@pytest.fixture
def tested(tmp_path: Path) -> RunFolder:
    """The run that starts from an adapter: all eight signs are its test records."""
    own = RunFolder(tmp_path / "own")
    write_records(own.records / "test.jsonl", records(SIGNS))
    return own


def test_test_records_that_the_adapter_was_trained_on_or_chosen_by_are_counted(tmp_path, tested):
    adapter = write_run(tmp_path / "a", recipe_with(None), train=SIGNS[:2], validation=SIGNS[2:3])

    found = start_overlap(recipe_with(adapter), tested)

    assert (found["known"], found["count"], found["exact"], found["near"]) == (True, 3, 3, 3)
    assert found["flagged"] == SIGNS[:3]
    assert "3 exact, 3 near copies of test records" in notes.start_overlap(found)


def test_where_training_begins_anew_there_is_nothing_to_hold_against_the_test_records(tested):
    assert start_overlap(recipe_with(None), tested) is None


def exchanged_adapter(adapter: Path) -> Path:
    (adapter / "adapter_model.safetensors").write_text("of somebody else")
    return adapter


def edited_records(adapter: Path) -> Path:
    write_records(adapter.parent / "1-records" / "train.jsonl", records(SIGNS[6:]))
    return adapter


def copied_alone(adapter: Path) -> Path:
    return Path(shutil.copytree(adapter, adapter.parent.parent / "alone" / "3-adapter"))


def unread_recipe(adapter: Path) -> Path:
    (adapter.parent / "recipe.yaml").write_text("data: of a later version")
    return adapter


@pytest.mark.parametrize("change", [exchanged_adapter, edited_records, copied_alone, unread_recipe])
def test_nothing_is_known_of_an_adapter_that_is_not_in_its_run_as_the_run_left_it(tmp_path, tested, change):
    adapter = change(write_run(tmp_path / "a", recipe_with(None), train=SIGNS[:2]))
    assert start_overlap(recipe_with(adapter), tested) == NONE_KNOWN
    assert "is not known" in notes.start_overlap(NONE_KNOWN)


def test_nothing_is_known_of_an_adapter_of_the_hub(tested):
    assert start_overlap(recipe_with("hub:owner/name"), tested) == NONE_KNOWN


def test_what_the_earlier_runs_adapter_started_from_counts_too(tmp_path, tested):
    first = write_run(tmp_path / "a", recipe_with(None), train=SIGNS[:1])
    second = write_run(tmp_path / "b", recipe_with(first), train=SIGNS[1:3])
    found = start_overlap(recipe_with(second), tested)
    assert (found["known"], found["flagged"]) == (True, SIGNS[:3])

    exchanged_adapter(first)

    found = start_overlap(recipe_with(second), tested)
    assert (found["known"], found["flagged"]) == (False, SIGNS[1:3])
    assert notes.start_overlap(found).endswith("of which part is not known")


def test_records_of_a_run_that_only_measured_its_adapter_were_not_trained_on(tmp_path, tested):
    first = write_run(tmp_path / "a", recipe_with(None), train=SIGNS[:1])
    measured = write_run(tmp_path / "b", recipe_with(first, epochs=0), train=SIGNS[1:])
    assert start_overlap(recipe_with(measured), tested)["flagged"] == SIGNS[:1]


def test_a_smoke_run_trained_a_new_adapter_whatever_its_recipe_names(tmp_path, tested):
    adapter = write_run(tmp_path / "a", recipe_with("hub:owner/name", epochs=0), train=SIGNS[:1], smoke=True)
    found = start_overlap(recipe_with(adapter), tested)
    assert (found["known"], found["flagged"]) == (True, SIGNS[:1])


def test_runs_that_measured_each_others_adapter_are_followed_to_an_end(tmp_path, tested):
    place = tmp_path / "a" / "a"
    first = write_run(place, recipe_with(tmp_path / "b" / "a" / "3-adapter", epochs=0), train=SIGNS[:1])
    second = write_run(tmp_path / "b" / "a", recipe_with(first, epochs=0), train=SIGNS[:1])
    shutil.rmtree(place)
    write_run(place, recipe_with(second, epochs=0), train=SIGNS[:1])
    assert start_overlap(recipe_with(second), tested) == NONE_KNOWN


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run that was split by seed 0."""
    return diagnosis_run_in(tmp_path_factory.getbasetemp() / "use")


@pytest.fixture(scope="module")
def further(trained: Path) -> Path:
    """Its adapter, only measured, on the splits of seed 1."""
    recipe = read_recipe(trained / "recipe.yaml")
    values: dict[str, Any] = recipe.model_dump(mode="json") | {"name": "further", "seed": 1}
    values["model"]["adapter"] = str(trained / "3-adapter")
    values["training"]["epochs"] = 0
    values["evaluation"] |= {"method": "score", "few_shot": 0, "forgetting": "off"}
    folder = trained.parent / "further"
    run(RunRequest(recipe=recipe_from(values, where="test"), folder=folder), Silent())
    return folder


def test_a_test_set_that_the_start_adapter_was_trained_on_fails_the_gate_and_is_told(further):
    metrics = read_json(further / "5-metrics" / "metrics.json")
    found = metrics["leakage"][START_ADAPTER]
    assert found["known"]
    assert 0 < found["exact"] <= metrics["n"]
    assert metrics["leakage"]["exact"] == 0
    leaks = [one for one in metrics["findings"] if one["kind"] == "leak"]
    assert [one["exit_code"] for one in leaks] == [3]
    assert (
        f"{found['exact']} of {metrics['n']} test inputs also stand in what the adapter of"
        in leaks[0]["problem"]
    )
    card = (further / "6-report" / "README.md").read_text()
    assert "what the adapter of model.adapter was trained on" in card
    assert "model-index" not in card


def test_what_the_start_adapter_was_trained_on_is_left_out_of_the_clean_records(further):
    metrics = read_json(further / "5-metrics" / "metrics.json")
    seen = [name for name, layers in metrics["leakage"]["flagged"].items() if START_ADAPTER in layers]
    assert (
        len(seen) == metrics["clean"]["left_out"][START_ADAPTER] == metrics["leakage"][START_ADAPTER]["count"]
    )
    assert metrics["clean"]["n"] <= metrics["n"] - len(seen)


def test_the_leak_of_a_start_adapter_can_be_accepted(further):
    recipe = read_recipe(further / "recipe.yaml", ["data.allow_leak=true"])
    metrics = measure(recipe, RunFolder(further), read_json(further / "run.json"))
    assert "leak" not in {one["kind"] for one in metrics["findings"]}
    assert metrics["leakage"][START_ADAPTER]["exact"]


def test_a_run_of_before_the_start_was_looked_at_is_measured_as_before(further):
    state = read_state(RunFolder(further))
    facts = {key: value for key, value in state.facts.items() if key != START_ADAPTER}
    metrics = measure(read_recipe(further / "recipe.yaml"), RunFolder(further), facts)
    assert START_ADAPTER not in metrics["leakage"]
    assert metrics["clean"]["left_out"].keys() == {"exact", "near", "question", "answer"}
    assert "leak" not in {one["kind"] for one in metrics["findings"]}


def test_the_splits_of_the_adapters_own_run_leak_nothing(trained):
    recipe = read_recipe(trained / "recipe.yaml")
    model = recipe.model.model_copy(update={"adapter": str(trained / "3-adapter")})
    found = start_overlap(recipe.model_copy(update={"model": model}), RunFolder(trained))
    assert (found["known"], found["exact"]) == (True, 0)
