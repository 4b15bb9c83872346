"""Paths of the bundled rows and recipes, by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from medadapt.core.errors import RecipeError
from medadapt.core.nearest import did_you_mean

FOLDER = Path(str(resources.files("medadapt.samples")))
"""Where the package keeps its samples; `rows/` and `recipes/` are package data."""

FILE_OF_SAMPLE: dict[str, str] = {
    "symptoms": "symptoms.csv",
    "typed_qa": "typed_qa.csv",
    "dialogues": "dialogues.json",
    "qa": "qa.jsonl",
    "mcq": "mcq.jsonl",
}

SAMPLE_OF_FORMAT: dict[str, str] = {
    "symptom_table": "symptoms",
    "typed_qa": "typed_qa",
    "dialogue": "dialogues",
    "question_answer": "qa",
    "multiple_choice": "mcq",
}
"""The bundled rows of each `data.format`."""


def source_file(name: str) -> Path:
    """The bundled rows behind `data.source: sample:NAME`. Raises RecipeError on an unknown name."""
    if name not in FILE_OF_SAMPLE:
        raise RecipeError(
            f"there are no bundled rows called '{name}'{did_you_mean(name, FILE_OF_SAMPLE) or '.'}",
            f"one of {', '.join(f'sample:{known}' for known in FILE_OF_SAMPLE)}",
            "Correct data.source.",
        )
    return FOLDER / "rows" / FILE_OF_SAMPLE[name]


def recipe_names() -> list[str]:
    """Names of the bundled recipes, sorted."""
    return sorted(path.stem for path in (FOLDER / "recipes").glob("*.yaml"))


def recipe_file(name: str) -> Path:
    """The bundled recipe of that name. Raises RecipeError, with the nearest name, where there is none."""
    known = recipe_names()
    if name not in known:
        raise RecipeError(
            f"there is no bundled recipe called '{name}'{did_you_mean(name, known) or '.'}",
            f"one of {', '.join(known)}, or the path of a recipe file",
            "Correct the name; `medadapt recipes list` shows them all.",
        )
    return FOLDER / "recipes" / f"{name}.yaml"
