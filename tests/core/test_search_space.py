from __future__ import annotations

from typing import Any

import pytest

from medadapt.core.errors import RecipeError
from medadapt.core.recipe import dump
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.recipe_writing import recipe_text
from medadapt.core.search_space import recipe_keys, recipe_with, value_at

SECTIONS = {
    "data", "data.split", "prompt", "examples", "model", "lora", "training", "evaluation", "evaluation.soft_match",
}  # fmt: skip
SMALLEST = {"data": {"format": "symptom_table", "source": "a.csv"}, "model": {"base": "b"}}


def with_search(**search: Any):
    return recipe_from({**SMALLEST, "search": search}, where="r.yaml")


def refusal(**search: Any) -> list[str]:
    with pytest.raises(RecipeError) as told:
        with_search(**search)
    return [line.strip() for line in told.value.problem.split("\n")]


def test_a_search_without_ranges_varies_the_learning_rate():
    assert with_search(trials=2).search.vary == {"training.learning_rate": {"log": [5e-5, 5e-4]}}


def test_all_mistakes_of_a_search_are_told_at_once():
    lines = refusal(vary={"training.learning_rat": [1], "lora.rank": [], "lora.alpha": {"log": [2, 1]}})

    assert lines[0] == "r.yaml has 3 mistakes:"
    assert lines[1] == (
        "search.vary.training.learning_rat: there is no such key; did you mean 'training.learning_rate'?"
    )
    assert lines[2].startswith("search.vary.lora.rank: the list is empty")
    assert lines[3].startswith("search.vary.lora.alpha: the range from 2 to 1 is empty")


@pytest.mark.parametrize(
    "key", ["data.source", "data.split", "evaluation.alpha", "seed", "search.trials", "name"]
)
def test_what_decides_the_measurement_is_never_varied(key: str):
    assert "would change what the trials are measured on or by" in refusal(vary={key: [1, 2]})[1]


@pytest.mark.parametrize(
    "key", ["prompt.answer", "prompt.chat_template", "examples.max_length", "model.base"]
)
def test_what_changes_the_tokens_is_never_varied_because_the_losses_could_not_be_compared(key: str):
    assert "says nothing once the tokens or the base differ" in refusal(vary={key: ["a"]})[1]


def test_how_often_a_trial_is_measured_is_never_varied():
    assert "more chances at a low figure" in refusal(vary={"training.eval_every": [5, 10]})[1]


@pytest.mark.parametrize("key", ["training.keep", "training.tracking", "training.micro_tokens"])
def test_what_does_not_change_the_adapter_is_not_searched(key: str):
    assert "nothing to search" in refusal(vary={key: [1]})[1]


@pytest.mark.parametrize(
    ("key", "spec", "said"),
    [
        ("training.weight_decay", [0.1, -1], "input should be greater than or equal to 0, not -1"),
        ("lora.rank", {"uniform": [4, 8]}, "use {int: [low, high]}"),
        ("lora.rank", {"int": [1, 5000]}, "input should be less than or equal to 1024, not 5000"),
        ("model.quantization", ["nf4", "int7"], "'int7' is none of none, int8, nf4; did you mean 'int8'?"),
        ("lora.targets", [["q_proj"], [1]], "[1] is refused: input should be a text, not 1"),
        ("training.schedule", {"log": [1, 2]}, "1.0 is none of cosine, linear, constant"),
    ],
)
def test_values_that_the_recipe_would_refuse_are_refused_when_it_is_read(key: str, spec: object, said: str):
    assert said in refusal(vary={key: spec})[1]


def test_a_reason_that_holds_for_a_whole_range_is_told_once():
    assert len(refusal(vary={"training.schedule": {"log": [1, 2]}})) == 2


def test_every_value_of_a_list_that_is_wrong_is_told():
    lines = refusal(vary={"model.quantization": ["int7", "nf5"]})

    assert [line.split()[1] for line in lines[1:]] == ["'int7'", "'nf5'"]


def test_values_that_do_not_go_with_the_rest_of_the_recipe_are_told_with_the_reason():
    assert refusal(vary={"training.epochs": [1, 0]})[1].startswith(
        "search.vary.training.epochs: 0 is refused: training.epochs 0 trains nothing"
    )


@pytest.mark.parametrize("key", ["training.trainer", "training.trainer.adam_beta1"])
def test_settings_of_trl_are_not_varied_because_no_recipe_can_check_them(key: str):
    (line,) = refusal(vary={key: [0.5]})[1:]

    assert line.startswith(f"search.vary.{key}: these are settings of TRL, which no recipe can check")


def test_asha_needs_trials_that_are_measured_after_the_same_work():
    assert (
        "training.epochs would make these mean"
        in refusal(scheduler="asha", vary={"training.epochs": [1, 2]})[1]
    )


@pytest.mark.parametrize("every", ["auto", 10])
def test_asha_refuses_batch_sizes_where_evaluations_are_counted_in_steps(every: object):
    values = {**SMALLEST, "training": {"eval_every": every}}
    vary = {"scheduler": "asha", "vary": {"training.batch_size": [4, 8]}}
    with pytest.raises(RecipeError, match=r"training\.batch_size would .* set training\.eval_every: epoch"):
        recipe_from({**values, "search": vary}, where="r.yaml")

    assert recipe_from({**values, "training": {"eval_every": "epoch"}, "search": vary}, where="r.yaml").search


def test_the_keys_are_those_of_the_resolved_recipe():
    def leaves(values: dict[str, Any], prefix: str = ""):
        for key, value in values.items():
            path = f"{prefix}{key}"
            yield from leaves(value, f"{path}.") if path in SECTIONS else [path]

    assert list(recipe_keys()) == list(leaves(dump(recipe_from(SMALLEST, where="r"))))


def test_values_are_put_into_the_recipe_as_the_schema_reads_them():
    tried = recipe_with(with_search(), {"training.learning_rate": "1e-4", "lora.rank": 4})

    assert (tried.training.learning_rate, tried.lora.rank, tried.search) == (1e-4, 4, None)
    assert value_at(tried, "training.learning_rate") == 1e-4


def test_a_nested_override_names_the_same_key():
    recipe = recipe_from(SMALLEST, where="r", overrides=["search.vary.lora.rank=[4, 8]"])

    assert recipe.search.vary == {"lora.rank": [4, 8]}


def test_a_written_search_reads_back():
    import yaml

    recipe = with_search(vary={"lora.rank": {"int": [4, 8]}}, scheduler="asha", concurrent=2)

    assert dump(recipe_from(yaml.safe_load(recipe_text(recipe)), where="r")) == dump(recipe)
