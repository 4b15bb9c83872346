"""Where a run keeps what: one folder a stage, named after what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medadapt.core.adapter_folder import CONFIG
from medadapt.core.errors import RunFolderError
from medadapt.core.home_folder import in_home


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


def no_run(target: str) -> RunFolderError:
    """The refusal of what is no run folder; of an adapter alone with the way to a run."""
    folder, remedy = in_home(target), "Correct the path."
    is_adapter = (folder / CONFIG).is_file()
    if is_adapter and RunFolder(folder.parent).state.is_file():
        remedy = f"Name the run that the adapter belongs to: {folder.parent}."
    elif is_adapter or target.startswith("hub:"):
        remedy = (
            "An adapter alone can be asked: with ask, chat, ui and serve. For this command make a run of it, by a "
            f"recipe with model.adapter: {target} and training.epochs: 0."
        )
    return RunFolderError(f"{target} is no run folder.", "a folder that `medadapt run` made", remedy)
