"""A smoke run: the whole path of a recipe on a tiny random base and a handful of rows.

It shows that every stage of the recipe works on this machine, at toy size and without a download. Its numbers
mean nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from medadapt.core.errors import DataError
from medadapt.core.files import disk_faults
from medadapt.core.recipe import DataSection, Recipe
from medadapt.core.run_folder import RunFolder

MOST_STEPS = 4
"""Optimiser steps of a smoke run."""

SUFFIX = "-smoke"
"""Keeps the default folder of a smoke run apart from that of the real one."""


def smoke_recipe(recipe: Recipe) -> Recipe:
    """The recipe with the bundled rows of its format where its own source cannot be read offline.

    All other settings stay as they are, so that what is tried out is the recipe. Column names, filters and
    limits go with the source that they describe.
    """
    from medadapt.records.reading.sources import source_hashes
    from medadapt.samples import rows_source

    try:
        source_hashes(recipe.data, offline=True)
    except DataError:
        plain = DataSection(format=recipe.data.format, source=rows_source(recipe.data.format))
        data = plain.model_copy(update={"split": recipe.data.split, "allow_leak": recipe.data.allow_leak})
        return recipe.model_copy(update={"data": data})
    return recipe


def without_adapter(recipe: Recipe) -> Recipe:
    """The recipe without `model.adapter`: no adapter fits the random base of a smoke run. Something is trained."""
    model = recipe.model.model_copy(update={"adapter": None})
    training = recipe.training.model_copy(update={"epochs": recipe.training.epochs or 1})
    return recipe.model_copy(update={"model": model, "training": training})


def within_context(recipe: Recipe, context_length: int | None) -> Recipe:
    """The recipe with no longer examples than the random base of a smoke run can read; the real one may read more."""
    asked = recipe.examples.max_length
    if asked == "auto" or context_length is None or asked <= context_length:
        return recipe
    examples = recipe.examples.model_copy(update={"max_length": context_length})
    return recipe.model_copy(update={"examples": examples})


def smoke_base(recipe: Recipe, run: RunFolder, *, renew: bool = False) -> str:
    """Folder of the run's own tiny base; written where it is missing or `renew` asks for it."""
    if renew or not run.base.exists():
        from medadapt.models.smoke_base import write_smoke_base

        beside = run.path / ".0-base.part"
        _remove(beside)
        with disk_faults(beside):
            beside.mkdir(parents=True)
        write_smoke_base(recipe.model, beside, seed=recipe.seed)
        _remove(run.base)
        with disk_faults(run.base):
            beside.replace(run.base)
    return str(run.base)


def stand_in_name(recipe: Recipe) -> str:
    """What the base of a smoke run is called where figures are shown."""
    return f"{recipe.model.base} (tiny random stand-in)"


def _remove(folder: Path) -> None:
    if folder.exists():
        with disk_faults(folder):
            shutil.rmtree(folder)
