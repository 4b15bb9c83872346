"""YAML and overrides -> recipe: all mistakes at once, with the nearest names, and never a traceback."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import RecipeError
from medadapt.core.recipe_reading import MOST_CHARACTERS, parse_yaml, read_recipe, recipe_from

SMALLEST = "data: {format: symptom_table, source: a.csv}\nmodel: {base: some/model}\n"

MANY_MISTAKES = """
dta: {format: symptom_table}
model: {bse: m, quantization: nf5}
lora: {rnak: 3, targets: []}
training: {epochs: -1, eval_every: sometimes, tracking: [wandbx]}
"""


def smallest() -> dict[str, Any]:
    return parse_yaml(SMALLEST, "r.yaml")


# --- mistakes


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


def test_the_head_counts_the_mistakes(refused: Callable[..., str]):
    assert refused(MANY_MISTAKES).startswith("r.yaml has 10 mistakes:\n")
    assert refused(SMALLEST + "sed: 1").startswith("r.yaml has 1 mistake:\n")


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


def test_numbers_may_be_written_the_way_yaml_reads_as_text():
    # YAML 1.1 takes 1e-4 for a text, because it has no point.
    recipe = recipe_from(parse_yaml(SMALLEST + "training: {learning_rate: 1e-4}", "r.yaml"), where="r.yaml")

    assert recipe.training.learning_rate == 1e-4


# --- overrides


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("training.epochs=0.5", lambda r: r.training.epochs == 0.5),
        ("training.learning_rate=1e-4", lambda r: r.training.learning_rate == 1e-4),
        ("training.max_grad_norm=", lambda r: r.training.max_grad_norm is None),
        ("training.max_grad_norm=null", lambda r: r.training.max_grad_norm is None),
        ("training.tracking=[]", lambda r: r.training.tracking == ()),
        ("training={epochs: 1}", lambda r: r.training.epochs == 1),
        (" training.epochs =1", lambda r: r.training.epochs == 1),
        ("seed=7", lambda r: r.seed == 7),
        ("lora.targets=[q_proj, v_proj]", lambda r: r.lora.targets == ("q_proj", "v_proj")),
        ("data.limit.rows=5", lambda r: r.data.limit.rows == 5),
        ("data.source=b=c.csv", lambda r: r.data.source == "b=c.csv"),
        ("data.aliases.heart attack=MI", lambda r: r.data.aliases == {"heart attack": "MI"}),
        ('prompt.system="Answer: briefly"', lambda r: r.prompt.system == "Answer: briefly"),
    ],
)
def test_an_override_is_read_as_yaml(override: str, value: Callable[[Any], bool]):
    assert value(recipe_from(smallest(), where="r.yaml", overrides=[override]))


def test_the_last_override_of_a_key_stands():
    assert recipe_from(smallest(), where="r.yaml", overrides=["seed=1", "seed=2"]).seed == 2


def test_an_override_can_fill_a_section_that_stands_empty():
    recipe = recipe_from(
        parse_yaml(SMALLEST + "training:\n", "r"), where="r", overrides=["training.epochs=1"]
    )

    assert recipe.training.epochs == 1


def test_an_override_leaves_the_values_it_was_given_alone():
    values = smallest()

    recipe_from(values, where="r.yaml", overrides=["data.source=b.csv", "seed=1"])

    assert values == smallest()


@pytest.mark.parametrize("override", ["training.epochs", "=1", "training.=1", ".epochs=1", "a..b=1", ""])
def test_an_override_without_key_or_value_is_not_understood(override: str, refused: Callable[..., str]):
    assert refused(SMALLEST, [override]) == f"--set {override} is not understood."


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("trainig.epochs=2", "trainig: there is no such key; did you mean 'training'?"),
        ("training.epohs=2", "training.epohs: there is no such key; did you mean 'epochs'?"),
        ("training.epochs=", "training.epochs: input should be a number, not empty"),
        (
            "training.epochs=2,5",
            "training.epochs: input should be a number, not '2,5'",
        ),
        ("seed=-1", "seed: input should be greater than or equal to 0, not -1"),
    ],
)
def test_a_wrong_override_is_listed_like_any_mistake(
    override: str, line: str, mistakes: Callable[..., list[str]]
):
    assert mistakes("", override) == [line]


def test_an_override_below_a_value_names_the_value(refused: Callable[..., str]):
    problem = refused(SMALLEST, ["data.source.train=b.csv"])

    assert problem == "--set data.source.train=b.csv: 'data.source' is a value, not a section."


@pytest.mark.parametrize("value", ["[1", "[*a]", "!!python/name:os.system x", "a: b: c", "2001-99-99"])
def test_an_override_that_is_no_plain_yaml_names_its_key(value: str, refused: Callable[..., str]):
    assert refused(SMALLEST, [f"training.epochs={value}"]).startswith("--set training.epochs:1:")


# --- YAML


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !!python/object/apply:os.system [ls]", "r.yaml:1:4: could not determine a constructor"),
        ("a: !mine 1", "r.yaml:1:4: could not determine a constructor for the tag '!mine'"),
        ("a: &x 1\nb: *x", "r.yaml:2:4: aliases (*name) are not used in recipes"),
        ("a: 1\nb: {c: 1, c: 2}", "r.yaml:2:11: the key 'c' stands here twice"),
        ("a: 1\nb: 2\na: 3", "r.yaml:3:1: the key 'a' stands here twice"),
        ("<<: {seed: 1}", "r.yaml:1:1: could not determine a constructor"),
        ("? [a]\n: 1", "r.yaml:1:3: a key must be a plain word"),
        ("? {a: 1}\n: 1", "r.yaml:1:3: a key must be a plain word"),
        ("a: [1", "r.yaml:1:6: expected ',' or ']'"),
        ("\ta: 1", "r.yaml:1:1: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2", "r.yaml:2:1: but found another document"),
        ("a: \x00", "r.yaml: unacceptable character #x0000"),
        ('a: "\\ud800"', "r.yaml:1:4: this value cannot be read"),
        ("a: 2001-99-99", "r.yaml:1:4: this value cannot be read (month must be in 1..12)"),
        ("a: !!int x", "r.yaml:1:4: this value cannot be read"),
        ("a: !!float x", "r.yaml:1:4: this value cannot be read"),
        ("a: !!bool x", "r.yaml:1:4: this value cannot be read"),
        ("a: !!timestamp x", "r.yaml:1:4: this value cannot be read"),
        ("a: !!int ''", "r.yaml:1:4: this value cannot be read"),
        ("a: " + "1" * 5000, "r.yaml:1:4: this value cannot be read"),
    ],
)
def test_yaml_that_is_more_than_plain_values_is_refused_with_its_place(
    text: str, said: str, refused: Callable[..., str]
):
    assert refused(text).startswith(said)


BOMBS = {
    "nested lists": "[" * (MOST_CHARACTERS - 1),
    "nested mappings": "{a: " * (MOST_CHARACTERS // 5),
    "nested dashes": "- " * (MOST_CHARACTERS // 2),
    "many keys": "".join(f"k{number}: 1\n" for number in range(MOST_CHARACTERS // 10)),
    "a table": "a,b,c\n" * (MOST_CHARACTERS // 7),
    "too long": "a: " + "x" * MOST_CHARACTERS,
    "billion laughs": "a: &a [x, x]\n"
    + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_mistaken_or_hostile_file_is_refused_quickly(bomb: str, refused: Callable[..., str]):
    started = time.process_time()

    refused(bomb)

    # About half a second at worst; the rest is room for a slow machine.
    assert time.process_time() - started < 4


@given(
    st.text(max_size=60)
    | st.text(alphabet=st.sampled_from("ab:-[]{},&*!?|>'\"%@#\n\t 0123456789.e_<~\\"), max_size=60)
)
def test_any_text_that_is_no_recipe_gives_one_recipe_error(text: str):
    # Any other exception would be a traceback for the user; a text this short never holds a whole recipe.
    with pytest.raises(RecipeError, match=r"^r\.yaml"):
        recipe_from(parse_yaml(text, "r.yaml"), where="r.yaml")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "nothing"),
        ("# only a comment", "nothing"),
        ("- a", "a list"),
        ("text", "a single text"),
        ("5", "int"),
    ],
)
def test_what_is_no_mapping_is_no_recipe(text: str, kind: str, refused: Callable[..., str]):
    assert refused(text) == f"r.yaml is no recipe: it holds {kind}."


# --- files


def test_a_byte_order_mark_is_no_part_of_a_recipe(tmp_path: Path):
    (tmp_path / "r.yaml").write_bytes(b"\xef\xbb\xbf" + SMALLEST.encode())

    assert read_recipe(tmp_path / "r.yaml").model.base == "some/model"


def test_windows_line_ends_are_read(tmp_path: Path):
    (tmp_path / "r.yaml").write_bytes(SMALLEST.replace("\n", "\r\n").encode())

    assert read_recipe(tmp_path / "r.yaml", ["seed=3"]).seed == 3


def test_a_file_in_another_encoding_is_refused(tmp_path: Path):
    path = tmp_path / "r.yaml"
    path.write_bytes((SMALLEST + "prompt: {system: Fieber über 39 °C}\n").encode("cp1252"))

    with pytest.raises(RecipeError, match=r"r\.yaml is not UTF-8 text"):
        read_recipe(path)


def test_a_binary_file_is_refused(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(bytes(range(256)) * 100)

    with pytest.raises(RecipeError, match="is not UTF-8 text"):
        read_recipe(tmp_path / "model.safetensors")


def test_only_the_beginning_of_a_mistaken_file_is_read(tmp_path: Path):
    path = tmp_path / "r.yaml"
    with path.open("wb") as file:
        file.write(b"a" * (MOST_CHARACTERS + 1))
        file.truncate(1 << 36)  # 64 GB, none of them on the disk

    with pytest.raises(RecipeError, match="has more than 100,000 characters"):
        read_recipe(path)


def test_a_mistake_in_a_file_names_the_file(tmp_path: Path):
    path = tmp_path / "my.yaml"
    path.write_text(SMALLEST + "sed: 1\n")

    with pytest.raises(RecipeError) as refusal:
        read_recipe(path)

    assert (
        refusal.value.problem == f"{path} has 1 mistake:\n  sed: there is no such key; did you mean 'seed'?"
    )
