"""Drawings: what is shown, and that the same input gives the same bytes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from medadapt.report import figures

STEPS: list[dict[str, Any]] = [
    {"step": step, "loss": 3.0 / step, **({"validation_loss": 1 + 0.1 * step} if step % 5 == 0 else {})}
    for step in range(1, 41)
]


def test_the_same_steps_give_the_same_bytes_without_metadata() -> None:
    png = figures.training_loss(STEPS)
    assert png is not None
    assert png == figures.training_loss(list(STEPS))
    assert "Software" not in Image.open(io.BytesIO(png)).info


def test_there_is_no_learning_curve_without_a_validation_loss() -> None:
    assert figures.learning_curve([{"step": 1, "loss": 2.0}]) is None
    assert figures.learning_curve(STEPS) is not None
    assert figures.training_loss([]) is None


def test_steps_without_a_finite_loss_are_left_out() -> None:
    assert figures.training_loss([{"step": 1, "loss": None}, {"step": 2, "loss": 1.0}]) is not None


def test_the_running_mean_looks_back_only() -> None:
    values = np.arange(100.0)
    mean = figures._running_mean(values)
    assert mean[0] == 0
    assert mean[50] == pytest.approx(values[47:51].mean())


def test_a_large_matrix_shows_only_classes_with_a_mistake() -> None:
    counts = np.diag(np.full(30, 3))
    counts[2, 7] = 1
    assert figures._classes_to_show(counts) == [2, 7]
    _, left_out = figures.confusion_matrix([f"class {i}" for i in range(30)], counts.tolist())
    assert left_out == 28


def test_a_small_matrix_shows_every_class() -> None:
    assert figures._classes_to_show(np.diag(np.full(25, 3))) == list(range(25))


def test_a_huge_matrix_of_mistakes_keeps_the_worst_classes() -> None:
    counts = np.ones((200, 200), dtype=np.int64)
    counts[150, 3] = 50
    kept = figures._classes_to_show(counts)
    assert len(kept) == figures.MAX_LABELS_WITH_MISTAKES
    assert {3, 150} <= set(kept)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("label", ["$x_{broken$", "\\frac{1}{", "発熱", "a" * 300, "\x1b[31m\u202e", ""])
def test_any_label_can_be_drawn(label: str) -> None:
    png, _ = figures.confusion_matrix([label, "Gout"], [[1, 0], [2, 3]])
    assert Image.open(io.BytesIO(png)).size[0] < 3000


def test_users_settings_of_matplotlib_do_not_change_the_drawing() -> None:
    import matplotlib

    expected = figures.training_loss(STEPS)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        assert figures.training_loss(STEPS) == expected
