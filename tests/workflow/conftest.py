"""A path of three tiny stages, to test order, skipping and resuming without any model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from medadapt.core.files import write_text
from medadapt.core.progress import Progress, Silent
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import recipe_from
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import Ran, run_stages
from medadapt.workflow.stage import Stage, Work

RECIPE = {
    "name": "tiny",
    "data": {"format": "symptom_table", "source": "rows.csv"},
    "model": {"base": "base"},
}


@dataclass
class TinyPath:
    """prepare -> train -> score on text files; `calls` tells which ran, `faults` what a stage raises."""

    folder: Path
    source: str = "rows"
    calls: list[str] = field(default_factory=list)
    faults: dict[str, BaseException] = field(default_factory=dict)
    acts: dict[str, Callable[[Work], None]] = field(default_factory=dict)
    reads_first: bool = False
    """Of the scoring stage."""
    checks: tuple[Callable[[RunRequest], None], ...] = ()
    """Of the training stage."""

    def recipe(self, *overrides: str) -> Recipe:
        values = {**RECIPE, "data": dict(RECIPE["data"]), "model": dict(RECIPE["model"])}
        return recipe_from(values, where="test", overrides=overrides)

    def run(self, *overrides: str, progress: Progress | None = None, **asked: object) -> Ran:
        self.calls.clear()
        request = RunRequest(recipe=self.recipe(*overrides), folder=self.folder, **asked)
        return run_stages(self.table, request, progress or Silent())

    @property
    def table(self) -> tuple[Stage, ...]:
        return (
            Stage(
                name="prepare",
                folder="1-records",
                outputs=("records.txt",),
                reads=("data", "seed"),
                run=lambda _recipe, work: self._act("prepare", work, "1-records/records.txt", self.source),
                sources=lambda _recipe: {"rows.csv": self.source},
            ),
            Stage(
                name="train",
                folder="3-adapter",
                outputs=("adapter.txt",),
                reads=("model", "training"),
                run=lambda recipe, work: self._act(
                    "train", work, "3-adapter/adapter.txt", f"{recipe.training.epochs}"
                ),
                checks=self.checks,
                costly=("checkpoints/*", "adapter.txt"),
            ),
            Stage(
                name="score",
                folder="5-metrics",
                outputs=("metrics.txt",),
                reads=("evaluation",),
                run=lambda recipe, work: self._act(
                    "score", work, "5-metrics/metrics.txt", f"{recipe.evaluation.alpha}"
                ),
                reads_first=self.reads_first,
                keeps=("answers",),
                carries={"parity.json": "medadapt parity", "seeds.json": "medadapt run --seeds"},
            ),
        )

    def _act(self, name: str, work: Work, file: str, text: str) -> None:
        self.calls.append(name)
        if name in self.acts:
            self.acts[name](work)
        if name in self.faults:
            raise self.faults[name]
        if name == "score" and self.reads_first:
            work.make_room()
        write_text(work.run.path / file, text)


@pytest.fixture
def tiny_path(tmp_path: Path) -> TinyPath:
    return TinyPath(folder=tmp_path / "run")
