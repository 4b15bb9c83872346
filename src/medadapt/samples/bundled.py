"""Paths of the sample data sets, the bundled rows and the bundled recipes, by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from medadapt.core.errors import RecipeError
from medadapt.core.nearest import did_you_mean

FOLDER = Path(str(resources.files("medadapt.samples")))
"""Where the package keeps its samples; `data/`, `rows/` and `recipes/` are package data."""

DATA = FOLDER / "data"
"""The sample data sets of seed 0, as `medadapt samples write` writes them."""

FILE_OF_SAMPLE: dict[str, str] = {
    "symptoms": "symptoms/dataset.csv",
    "typed_qa": "typed_qa/train.csv",
    "dialogues": "dialogues/dialogues.json",
    "qa": "qa/patient_information.json",
    "mcq": "mcq/train.json",
}
"""Where each sample data set lies in `data/`. Sources of the kind have the same names of files and columns."""

ROWS_OF_SAMPLE: dict[str, str] = {
    "symptoms": "symptoms.csv",
    "typed_qa": "typed_qa.csv",
    "dialogues": "dialogues.json",
    "qa": "qa.jsonl",
    "mcq": "mcq.jsonl",
}
"""The 32 rows of each format in `rows/`, for smoke runs; as a source they are called `sample:rows/NAME`."""

SAMPLE_OF_FORMAT: dict[str, str] = {
    "symptom_table": "symptoms",
    "typed_qa": "typed_qa",
    "dialogue": "dialogues",
    "question_answer": "qa",
    "multiple_choice": "mcq",
}
"""The sample of each `data.format`."""


def source_file(name: str) -> Path:
    """The file behind `data.source: sample:NAME`. Raises RecipeError on an unknown name."""
    files = {sample: DATA / path for sample, path in FILE_OF_SAMPLE.items()}
    files |= {f"rows/{sample}": FOLDER / "rows" / path for sample, path in ROWS_OF_SAMPLE.items()}
    if name not in files:
        raise RecipeError(
            f"there is no sample called '{name}'{did_you_mean(name, FILE_OF_SAMPLE) or '.'}",
            f"one of {', '.join(f'sample:{known}' for known in FILE_OF_SAMPLE)}",
            "Correct data.source.",
        )
    return files[name]


def rows_source(data_format: str) -> str:
    """The `data.source` that means the 32 rows of a format."""
    return f"sample:rows/{SAMPLE_OF_FORMAT[data_format]}"


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
