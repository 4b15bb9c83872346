"""Paths with a leading `~`, as the user's own and as that of a user this machine does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from medadapt.core.errors import MedAdaptError
from medadapt.core.home_folder import in_home
from medadapt.core.recipe import DataSection
from medadapt.models.adapter_files import find_adapter
from medadapt.models.local_base import local_folder
from medadapt.records.reading.sources import find_sources
from medadapt.retrieval.passages import files_of
from medadapt.serving.command_targets import find_target, read_run

NOBODY = "~nobody-of-this-name/mine"


def test_a_path_in_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert in_home("~/rows.csv") == in_home(Path("~/rows.csv")) == tmp_path / "rows.csv"
    assert in_home("rows~.csv") == Path("rows~.csv")


@pytest.mark.parametrize(
    "read",
    [
        lambda: find_sources(DataSection(format="typed_qa", source=NOBODY)),
        lambda: find_adapter(NOBODY),
        lambda: list(files_of([NOBODY])),
        lambda: read_run(NOBODY),
        lambda: find_target(NOBODY),
    ],
)
def test_what_lies_in_the_home_of_nobody_is_told_to_be_missing(read) -> None:
    with pytest.raises(MedAdaptError, match="nobody-of-this-name"):
        read()


def test_a_base_in_the_home_of_nobody_is_no_folder() -> None:
    assert local_folder(NOBODY) is None
