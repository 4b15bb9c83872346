"""A file and overrides -> recipe, and what is said of a file that is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.errors import RecipeError
from medadapt.core.recipe_reading import read_recipe, recipe_from
from medadapt.core.strict_yaml import MOST_CHARACTERS, parse_yaml

SMALLEST = "data: {format: symptom_table, source: a.csv}\nmodel: {base: some/model}\n"


def smallest() -> dict[str, Any]:
    return parse_yaml(SMALLEST, "r.yaml")


def test_the_head_counts_the_mistakes(refused: Callable[..., str]):
    assert refused(SMALLEST + "sed: 1\nnme: a").startswith("r.yaml has 2 mistakes:\n")
    assert refused(SMALLEST + "sed: 1").startswith("r.yaml has 1 mistake:\n")


def test_of_many_mistakes_the_first_are_told_and_the_others_counted(refused):
    head, *lines, last = refused(SMALLEST + "".join(f"k{n}: 1\n" for n in range(1234))).splitlines()
    assert head == "r.yaml has 1234 mistakes:"
    assert (len(lines), last) == (30, "  ... and 1,204 more")


def test_numbers_may_be_written_the_way_yaml_reads_as_text():
    # YAML 1.1 takes 1e-4 for a text, because it has no point.
    recipe = recipe_from(parse_yaml(SMALLEST + "training: {learning_rate: 1e-4}", "r.yaml"), where="r.yaml")

    assert recipe.training.learning_rate == 1e-4


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
        ("data.aliases={0: Influenza}", lambda r: r.data.aliases == {"0": "Influenza"}),
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


@pytest.mark.parametrize("value", ["Answer as in #1, briefly", "#1 rule", "Answer as in\t#1"])
def test_an_override_is_not_cut_at_what_looks_like_a_comment(value: str):
    with pytest.raises(RecipeError, match="taken for a comment"):
        recipe_from(smallest(), where="r", overrides=[f"prompt.system={value}"])


def test_what_only_looks_like_a_comment_stands_in_quotes_in_a_word_or_in_a_glob():
    globbed = recipe_from(smallest(), where="r", overrides=["data.source=*/a #1.csv"])
    assert globbed.data.source == "*/a #1.csv"
    assert recipe_from(smallest(), where="r", overrides=["data.source=a#1.csv"]).data.source == "a#1.csv"
    quoted = recipe_from(smallest(), where="r", overrides=['prompt.system="Answer as in #1, briefly"'])
    assert quoted.prompt.system == "Answer as in #1, briefly"


def test_a_recipe_that_cannot_be_opened_is_a_mistake_of_the_input(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path / ("r" * 300))
