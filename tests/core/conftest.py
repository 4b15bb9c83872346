"""The smallest recipe, and what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from medadapt.core.errors import RecipeError
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.strict_yaml import parse_yaml

SMALLEST = "data: {format: symptom_table, source: a.csv}\nmodel: {base: some/model}\n"


@pytest.fixture(scope="session")
def mistakes() -> Callable[..., list[str]]:
    """`mistakes(yaml, *overrides)`: the lines about a recipe, without its head; fails where it is valid."""

    def of(text: str, *overrides: str, whole: bool = False) -> list[str]:
        with pytest.raises(RecipeError) as refusal:
            recipe_from(
                parse_yaml(text if whole else SMALLEST + text, "r.yaml"), where="r.yaml", overrides=overrides
            )
        return [line.strip() for line in refusal.value.problem.splitlines()[1:]]

    return of


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """`refused(yaml, *overrides)`: the whole problem of a recipe that cannot be used."""

    def of(text: str, overrides: Sequence[str] = ()) -> str:
        with pytest.raises(RecipeError) as refusal:
            recipe_from(parse_yaml(text, "r.yaml"), where="r.yaml", overrides=overrides)
        assert refusal.value.expected
        assert refusal.value.remedy
        return refusal.value.problem

    return of
