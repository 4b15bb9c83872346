"""Drawings: what is shown, and that the same input gives the same bytes."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from medadapt.report.figures import drawing
from medadapt.report.figures.error_length import error_length
from medadapt.report.figures.loss_curves import learning_curve, running_mean, training_loss
from medadapt.report.figures.matrices import (
    MAX_LABELS,
    confusion_matrices,
    labels_to_show,
    right_wrong_matrix,
)
from medadapt.report.figures.search_curves import search_curves

STEPS: list[dict[str, Any]] = [
    {"step": step, "loss": 3.0 / step, **({"validation_loss": 1 + 0.1 * step} if step % 5 == 0 else {})}
    for step in range(1, 41)
]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Axes]:
    """The axes of every drawing as it is written, to read what stands in it."""
    axes: list[Axes] = []
    write = drawing.FigureCanvasAgg

    def watched(figure: Any) -> Any:
        axes.extend(figure.axes)
        return write(figure)

    monkeypatch.setattr(drawing, "FigureCanvasAgg", watched)
    return axes


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_the_same_steps_give_the_same_bytes_without_metadata() -> None:
    png = training_loss(STEPS)
    assert png is not None
    assert png == training_loss(list(STEPS))
    assert "Software" not in Image.open(io.BytesIO(png)).info


def test_drawings_have_twice_the_pixels_of_the_page() -> None:
    assert Image.open(io.BytesIO(right_wrong_matrix(1, 2, 3, 4))).size[0] == round(4.2 * 2 * 96)


def test_there_is_no_learning_curve_without_a_validation_or_test_loss() -> None:
    assert learning_curve([{"step": 1, "loss": 2.0}]) is None
    assert learning_curve([], {"tuned": 1.0}) is None
    assert learning_curve([{"step": 1, "loss": 2.0}], {"tuned": 1.0}) is not None
    assert learning_curve(STEPS) is not None
    assert training_loss([]) is None


def test_the_best_step_and_the_losses_on_test_are_marked(drawn: list[Axes]) -> None:
    learning_curve(STEPS, {"baseline": 2.5, "tuned": 1.25})
    (axes,) = drawn
    assert texts(axes) == ["lowest 1.500\nat step 5"]
    levels = {line.get_label(): line.get_ydata()[0] for line in axes.lines if "test" in str(line.get_label())}
    assert levels == {"base model on test (2.500)": 2.5, "tuned model on test (1.250)": 1.25}


def test_the_learning_rate_has_axes_of_its_own(drawn: list[Axes]) -> None:
    training_loss([{"step": 1, "loss": 2.0, "learning_rate": 1e-4}, {"step": 2, "loss": 1.0}])
    above, below = drawn
    assert above.get_ylabel() == "loss (nats per token)"
    assert below.lines[0].get_ydata().tolist() == [1e-4]
    assert below.get_xlabel() == "optimiser step (n = 2)"


def test_steps_without_a_finite_loss_are_left_out() -> None:
    assert training_loss([{"step": 1, "loss": None}, {"step": 2, "loss": 1.0}]) is not None


def test_the_running_mean_looks_back_only() -> None:
    values = np.arange(100.0)
    mean = running_mean(values)
    assert mean[0] == 0
    assert mean[50] == pytest.approx(values[47:51].mean())


def test_up_to_sixty_classes_are_all_shown() -> None:
    counts = np.diag(np.full(MAX_LABELS, 3)).tolist()
    assert labels_to_show([counts, counts], MAX_LABELS) == list(range(MAX_LABELS))


def test_a_huge_matrix_keeps_the_classes_that_either_model_mistakes_most() -> None:
    baseline, tuned = np.ones((2, 200, 200), dtype=np.int64)
    baseline[150, 3] = 50
    tuned[90, 7] = 50
    kept = labels_to_show([baseline.tolist(), tuned.tolist()], 200)
    assert len(kept) == MAX_LABELS
    assert {3, 7, 90, 150} <= set(kept)
    assert kept == sorted(kept)


def test_counts_and_their_number_stand_in_the_matrix(drawn: list[Axes]) -> None:
    confusion_matrices(["Gout", "Acne"], [[[5, 1], [0, 1200]]], kept=[0, 1])
    (axes,) = drawn
    assert texts(axes) == ["5", "1", "0", "1,200"]
    assert axes.get_title(loc="left") == "n = 1,206 test records"
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["Gout", "Acne"]


def test_one_colour_scale_makes_equal_counts_look_equal(drawn: list[Axes]) -> None:
    few, many = [[2, 0], [0, 2]], [[40, 0], [0, 2]]
    for matrices in ([few, many], [many, few]):
        confusion_matrices(["a", "b"], matrices, kept=[0, 1])
    assert [axes.images[0].get_clim() for axes in drawn] == [(0, 40)] * 4


def test_what_is_drawn_first_leaves_nothing_in_the_second_matrix() -> None:
    names, one = ["Gout", "Acne", "Allergic rhinitis"], [[3, 1, 0], [0, 9, 0], [0, 2, 4]]
    other = [[0, 0, 8], [1, 1, 1], [9, 0, 0]]
    one_way = confusion_matrices(names, [one, other], kept=[0, 1, 2])
    other_way = confusion_matrices(names, [other, one], kept=[0, 1, 2])
    assert one_way == other_way[::-1]


def test_forty_one_labels_keep_their_names_apart(drawn: list[Axes]) -> None:
    labels = [f"a disease with number {place}" for place in range(41)]
    confusion_matrices(labels, [np.eye(41, dtype=int).tolist()], kept=list(range(41)))
    (axes,) = drawn
    boxes = [tick.get_window_extent() for tick in axes.get_yticklabels()]
    assert all(above.y0 >= below.y1 for above, below in pairwise(boxes))


def test_rows_of_the_right_or_wrong_matrix_are_the_base(drawn: list[Axes]) -> None:
    right_wrong_matrix(both_right=1, baseline_only=2, tuned_only=3, neither=4)
    (axes,) = drawn
    assert texts(axes) == ["1", "2", "3", "4"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["base right", "base wrong"]


def test_errors_by_length_are_drawn_before_all_records(drawn: list[Axes]) -> None:
    histogram = {"unit": "x", "edges": [0, 10, 40], "all": [4, 6], "baseline": [3, 5], "tuned": [1, 2]}
    assert error_length(histogram) is not None
    (axes,) = drawn
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights == [[4, 6], [3, 5], [1, 2]]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "10", "40"]
    assert axes.get_ylabel() == "test records (n = 10)"


@pytest.mark.parametrize("histogram", [{}, {"edges": [0, 1], "all": [], "baseline": [], "tuned": []}])
def test_there_is_no_histogram_without_bins(histogram: dict[str, Any]) -> None:
    assert error_length(histogram) is None


def test_the_winner_lies_on_top_and_failed_evaluations_are_left_out(drawn: list[Axes]) -> None:
    trials = [
        {"id": "000", "status": "done", "curve": [[1, 2.0], [2, 1.0]]},
        {"id": "001", "status": "failed", "curve": [[1, 3.0], [2, None]]},
        {"id": "002", "status": "failed", "curve": []},
    ]
    assert search_curves(trials, "000") is not None
    (axes,) = drawn
    assert [line.get_label() for line in axes.lines] == ["failed", "winner (000)"]
    assert axes.lines[0].get_ydata().tolist() == [3.0]
    assert search_curves([trials[2]], None) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("label", ["$x_{broken$", "\\frac{1}{", "発熱", "a" * 300, "\x1b[31m\u202e", ""])
def test_any_label_can_be_drawn(label: str) -> None:
    (png,) = confusion_matrices([label, "Gout"], [[[1, 0], [2, 3]]], kept=[0, 1])
    assert Image.open(io.BytesIO(png)).size[0] < 3000


def test_users_settings_of_matplotlib_do_not_change_the_drawing() -> None:
    import matplotlib

    expected = training_loss(STEPS)
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        assert training_loss(STEPS) == expected
