"""The sample data sets of a seed, made once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from medadapt.samples.generating.dirt import Generated
from medadapt.samples.generating.files import KINDS
from medadapt.samples.knowledge import Condition, load_conditions


@cache
def _made(name: str, seed: int) -> Generated:
    rows_of, _ = KINDS[name]
    return rows_of(load_conditions(), seed)


@pytest.fixture
def made() -> Callable[..., Generated]:
    """`made(name, seed=0)`: the rows of one set and what was planted in them."""
    return lambda name, seed=0: _made(name, seed)


@pytest.fixture(scope="session")
def by_name() -> dict[str, Condition]:
    """Condition of each name."""
    return {condition.name: condition for condition in load_conditions()}
