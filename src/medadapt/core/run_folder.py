"""Where a run keeps what: one folder a stage, named after what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """The paths inside `runs/<name>`. Nothing is created by looking."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe: every value, defaults included."""
        return self.path / "recipe.yaml"

    @property
    def state(self) -> Path:
        """run.json: status, input hashes, versions, device, timings, the command that resumes."""
        return self.path / "run.json"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def base(self) -> Path:
        """A base model the run made itself (smoke runs)."""
        return self.path / "0-base"

    @property
    def records(self) -> Path:
        return self.path / "1-records"

    @property
    def examples(self) -> Path:
        return self.path / "2-examples"

    @property
    def adapter(self) -> Path:
        return self.path / "3-adapter"

    @property
    def predictions(self) -> Path:
        return self.path / "4-predictions"

    @property
    def metrics(self) -> Path:
        return self.path / "5-metrics"

    @property
    def seeds(self) -> Path:
        """seeds.json: the spread between training seeds, where training was repeated."""
        return self.metrics / "seeds.json"

    @property
    def report(self) -> Path:
        return self.path / "6-report"
