"""The words for what is wrong with a recipe: one line a mistake, all at once, with the nearest names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from medadapt.core.foreign_names import INSTEAD, MEANT, NO_KEY
from medadapt.core.recipe_reading import recipe_from

MANY_MISTAKES = """
dta: {format: symptom_table}
model: {bse: m, quantization: nf5}
lora: {rnak: 3, targets: []}
training: {epochs: -1, eval_every: sometimes, tracking: [wandbx]}
"""


def test_every_mistake_is_listed_at_once_with_the_nearest_name(mistakes: Callable[..., list[str]]):
    assert mistakes(MANY_MISTAKES, whole=True) == [
        "data: must be given",
        "model.base: must be given",
        "model.quantization: 'nf5' is none of none, int8, nf4; did you mean 'nf4'?",
        "model.bse: there is no such key; did you mean 'base'?",
        "lora.targets: an empty list trains nothing; name at least one module or use all-linear",
        "lora.rnak: there is no such key; did you mean 'rank'?",
        "training.epochs: input should be greater than or equal to 0, not -1",
        "training.eval_every: 'sometimes' is none of auto, epoch (or input should be a whole number, not 'sometimes')",
        "training.tracking.0: 'wandbx' is none of tensorboard, wandb, mlflow; did you mean 'wandb'?",
        "dta: there is no such key; did you mean 'data'?",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "lora: {targets: all_linear}",
            "lora.targets: 'all_linear' is none of all-linear, attention (or input should be a list, "
            "not 'all_linear'); did you mean 'all-linear'?",
        ),
        (
            "training: {save_every: 0}",
            "training.save_every: 0 is none of auto, epoch (or input should be greater than or equal to 1, not 0)",
        ),
        (
            "training: {micro_tokens: atuo}",
            "training.micro_tokens: 'atuo' is none of auto (or input should be a whole number, not 'atuo'); "
            "did you mean 'auto'?",
        ),
        (
            "training: {early_stopping: 0}",
            "training.early_stopping: input should be greater than or equal to 1, not 0",
        ),
        (
            "training: {max_grad_norm: 0}",
            "training.max_grad_norm: input should be greater than 0, not 0",
        ),
        (
            "examples: {max_length: 5}",
            "examples.max_length: 5 is none of auto (or input should be greater than or equal to 16, not 5)",
        ),
        ("training: 5", "training: input should be a section with keys of its own, not 5"),
        ("training:", "training: input should be a section with keys of its own, not empty"),
        (
            "lora: {rank: many}",
            "lora.rank: input should be a whole number, not 'many'",
        ),
        ("5: 1", "5: keys should be strings, not 5"),
        (
            "prompt: {template: choices}",
            "recipe: prompt.template 'choices' does not suit data.format 'symptom_table'; use one of auto, symptoms",
        ),
        (
            "evaluation: {primary: macro_f1, alpha: 0.005, bootstrap_samples: 100}",
            "recipe: evaluation.alpha 0.005 needs evaluation.bootstrap_samples: 200 or more; with 100 random swaps of "
            "the models no p is below 0.0099, so nothing could be shown",
        ),
        (
            "evaluation: {primary: macro_f1, alpha: 0.0015, bootstrap_samples: 665}",
            "recipe: evaluation.alpha 0.0015 needs evaluation.bootstrap_samples: 666 or more; with 665 random swaps of "
            "the models no p is below 0.0015, so nothing could be shown",
        ),
    ],
)
def test_a_mistake_is_one_line_even_where_several_types_are_allowed(
    text: str, line: str, mistakes: Callable[..., list[str]]
):
    assert mistakes(text) == [line]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("source: [a]", ["data.source: input should be a text, not ['a']"]),
        ("source: ''", ["data.source: string should have at least 1 character, not ''"]),
        (
            "source: {trn: a}",
            ["data.source.trn: 'trn' is none of train, validation, test; did you mean 'train'?"],
        ),
        ("source: {train: [1]}", ["data.source.train: input should be a text, not [1]"]),
        ("source: a, types: symptoms", ["data.types: input should be a list, not 'symptoms'"]),
        ("source: a, limit: 5", ["data.limit: input should be a section with keys of its own, not 5"]),
        (
            "source: a, limit: {rows: 0, by: rnd}",
            [
                "data.limit.rows: input should be greater than or equal to 1, not 0",
                "data.limit.by: 'rnd' is none of random, explanation_length; did you mean 'random'?",
            ],
        ),
        ("source: a, answer_base: 2", ["data.answer_base: 2 is none of auto, 0, 1, letter"]),
        ("source: a, splt: {}", ["data.splt: there is no such key; did you mean 'split'?"]),
        (
            "source: a, split: {trian: 0.8}",
            ["data.split.trian: there is no such key; did you mean 'train'?"],
        ),
        (
            "source: a, split: {train: 0.5}",
            ["data.split: train, validation and test must add up to 1, not to 0.7"],
        ),
    ],
)
def test_mistakes_about_data_name_the_key_they_stand_at(
    data: str, lines: list[str], mistakes: Callable[..., list[str]]
):
    text = f"data: {{format: symptom_table, {data}}}\nmodel: {{base: m}}"

    assert mistakes(text, whole=True) == lines


def test_an_unknown_column_is_told_with_the_nearest_one(mistakes: Callable[..., list[str]]):
    (line,) = mistakes("", "data.columns.questoin=x")

    assert line.startswith("data.columns.questoin: 'questoin' is none of id, question, answer")
    assert line.endswith("did you mean 'question'?")


def test_a_key_unlike_any_other_gets_no_suggestion(mistakes: Callable[..., list[str]]):
    assert mistakes("zzzz: 1") == ["zzzz: there is no such key"]


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("quantization: nf4", "did you mean 'model.quantization'?"),
        ("training: {seed: 1}", "did you mean 'seed' at the top of the recipe?"),
        ("group: none", "did you mean 'data.split.group'?"),
        ("revision: main", "did you mean 'data.revision' or 'model.revision'?"),
        # As like a key of its own section as of another one.
        ("train: {epochs: 1}", "did you mean 'training' or 'data.split.train'?"),
        ("training: {scheduler: cosine}", "did you mean 'schedule' or 'search.scheduler'?"),
    ],
)
def test_a_key_that_stands_in_another_section_is_told_with_its_place(
    text: str, way_out: str, mistakes: Callable[..., list[str]]
):
    (line,) = mistakes(text)

    assert line.partition(": ")[2] == f"there is no such key; {way_out}"


@pytest.mark.parametrize(
    ("override", "way_out"),
    [
        ("model.load_in_7Bit=true", "here it is model.quantization: int8"),
        ("model.load_in_4bit=true", "here it is model.quantization: nf4"),
        ("model.dtype=float16", "here it is model.precision"),
        ("lora.r=8", "here it is lora.rank"),
        ("training.bf16=true", "here it is model.precision: bf16"),
        ("training.logging_steps=5", "here it is training.log_every"),
        ("training.evaluation_strategy=steps", "here it is training.eval_every"),
        ("model.load_in_8bit=false", "leave it out, as it is off"),
        ("evaluation.metric=rouge1", "did you mean 'evaluation.primary'?"),
        ("model.name=some/base", "did you mean 'model.base'?"),
        ("training.packing=true", "none is needed: rows are packed where the base allows it"),
    ],
)
def test_a_name_of_another_library_is_told_with_ours(
    override: str, way_out: str, mistakes: Callable[..., list[str]]
):
    assert mistakes("", override) == [f"{override.partition('=')[0]}: there is no such key; {way_out}"]


@pytest.mark.parametrize("name", [*INSTEAD, *NO_KEY])
def test_no_key_of_ours_is_taken_for_one_of_another_library(name: str, mistakes: Callable[..., list[str]]):
    for section in ("", "data.", "examples.", "model.", "lora.", "training."):
        (line,) = mistakes("", f"{section}{name}=1")

        assert line.startswith(f"{section}{name}: there is no such key; ")


def test_every_key_that_stands_for_a_foreign_name_exists():
    data = {"format": "symptom_table", "source": "a.csv", "limit": {"rows": 1}}
    recipe = recipe_from({"data": data, "model": {"base": "some/model"}}, where="test").model_dump()
    for instead in [*INSTEAD.values(), *MEANT.values()]:
        found: Any = recipe
        for part in re.split(r"[:,]", instead)[0].split("."):
            assert part in found, instead
            found = found[part]


def test_all_sections_that_do_not_go_together_are_told_at_once(mistakes: Callable[..., list[str]]):
    lines = mistakes(
        "training: {epochs: 0, trainer: {neftune_noise_alpha: 5}, early_stopping: 2}\n"
        "prompt: {template: choices, options: false}\nevaluation: {primary: rouge1}",
        "data.split={train: 0.9, validation: 0, test: 0.1}",
    )

    assert [" ".join(line.split()[:3]) for line in lines] == [
        "recipe: evaluation.primary 'rouge1'",
        "recipe: training.epochs 0",
        "recipe: training.trainer holds",
        "recipe: training.early_stopping watches",
        "recipe: prompt.template 'choices'",
        "recipe: with data.format",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "training: {early_stopping: true}",
            "training.early_stopping: input should be a whole number, not True",
        ),
        ("lora: {rank: yes}", "lora.rank: input should be a whole number, not True"),
        ("training: {epochs: on}", "training.epochs: input should be a number, not True"),
        ("seed: no", "seed: input should be a whole number, not False"),
    ],
)
def test_a_bare_yes_or_no_is_no_number(text: str, line: str, mistakes: Callable[..., list[str]]):
    assert mistakes(text) == [line]
