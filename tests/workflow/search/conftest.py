"""A prepared smoke run, and a whole search on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medadapt.core.progress import Silent
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import run_stages
from medadapt.workflow.stages import STAGES

VALUES: dict[str, Any] = {
    "name": "tiny",
    "data": {"format": "symptom_table", "source": "sample:rows/symptoms"},
    "model": {"base": "facebook/opt-1.3b"},
}


def smoke_recipe(**sections: Any) -> Recipe:
    return recipe_from({**VALUES, **sections}, where="test")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A smoke run with records and examples; tests that write into it take a copy."""
    folder = tmp_path_factory.mktemp("prepared") / "run"
    request = RunRequest(recipe=smoke_recipe(), folder=folder, last="encode", smoke=True, device="cpu")
    run_stages(STAGES, request, Silent())
    return RunFolder(folder)


@pytest.fixture
def own_run(prepared: RunFolder, tmp_path: Path) -> RunFolder:
    """The prepared run in a folder of its own."""
    import shutil

    shutil.copytree(prepared.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")
