"""Trackers are opened anew or go on, and are only those that the recipe asks for."""

from __future__ import annotations

import importlib.util
import json

import pytest

from medadapt.core.errors import RecipeError
from medadapt.training.trackers.opening import check_trackers


def test_a_training_begun_anew_gets_a_curve_of_its_own(tmp_path, send):
    ids = []
    for _ in range(2):
        send(["mlflow"], tmp_path / "run", 1, 1)
        ids.append(json.loads((tmp_path / "run" / "tracking.json").read_text())["mlflow"])
    assert ids[0] != ids[1]


def test_a_missing_package_is_named_with_the_install_line(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "wandb" else found(name))
    with pytest.raises(
        RecipeError, match=r"wandb, which is not installed(.|\n)*pip install 'medadapt\[tracking\]'"
    ):
        check_trackers(["tensorboard", "wandb", "mlflow"])


def test_without_trackers_nothing_is_written(tmp_path, send):
    send([], tmp_path / "run", 1, 2)
    assert list((tmp_path / "run").iterdir()) == []
