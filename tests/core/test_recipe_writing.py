"""A written recipe reads back as the same recipe, whatever its texts hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.recipe import Recipe, dump
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.recipe_writing import recipe_text
from medadapt.core.strict_yaml import parse_yaml

TEXTS = st.text(max_size=120) | st.text(
    st.sampled_from("\n\r\t\x85\u2028\u2029\ufeff\xa0 a:'\"-#\\|>"), max_size=30
)


def recipe(**sections: object) -> Recipe:
    smallest = {"data": {"format": "symptom_table", "source": "a.csv"}, "model": {"base": "m"}}
    return Recipe.model_validate({**smallest, **sections})


@given(TEXTS, st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=3))
def test_any_text_survives_being_written_as_yaml(system: str, aliases: dict[str, str]):
    data = {"format": "symptom_table", "source": "a.csv", "aliases": aliases}
    first = recipe(data=data, prompt={"system": system})

    assert recipe_from(parse_yaml(recipe_text(first), "r.yaml"), where="r.yaml") == first


def test_every_value_is_written_in_the_order_of_the_schema():
    written = parse_yaml(recipe_text(recipe()), "r.yaml")

    assert written == dump(recipe())
    assert list(written) == list(Recipe.model_fields)


def test_text_stays_readable():
    text = recipe_text(recipe(prompt={"system": "Fieber über 39 °C?"}))

    assert "  system: Fieber über 39 °C?\n" in text
