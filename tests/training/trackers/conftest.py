"""A user without accounts, and a training that sends its curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from medadapt.training.trackers.opening import open_trackers


@pytest.fixture(autouse=True)
def a_user_without_accounts(tmp_path, monkeypatch):
    """No login, no server, and no settings of whoever runs the tests."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("NETRC", str(home / ".netrc"))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_DIR",
                 "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def send() -> Callable[[Sequence[str], Path, int, int], None]:
    """`send(kinds, folder, first, last)`: these steps, as a session that goes on after the step before `first`."""

    def steps(kinds: Sequence[str], folder: Path, first: int, last: int) -> None:
        folder.mkdir(exist_ok=True)
        settings = {"lora.rank": 4, "training.schedule": "cosine"}
        with open_trackers(
            kinds, folder, name="a run", parameters=settings, after_step=first - 1, note=print
        ) as trackers:
            for step in range(first, last + 1):
                trackers.scalars(step, {"loss": 10.0 / step, "learning_rate": 0.1})

    return steps
