"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A time limit for each example would fail on a machine that is busy with something else.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may touch the network
# The models are tiny: a second thread only waits, and with several test processes it makes all of them wait.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it skip where it is missing."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not (folder / "README.md").is_file():
        pytest.skip("the real data sets are not beside this checkout (../shared/data)")
    return folder


@pytest.fixture
def sample_base(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny base in the place of the bundled one, so that what is tested is the way and not the weights."""
    from medadapt.samples import bundled_base
    from serving_runs import make_base

    folder = tmp_path_factory.getbasetemp() / "sample-base"
    if not folder.exists():
        make_base(folder)
    monkeypatch.setattr(bundled_base, "BASE", folder)
    return folder
