"""Drawings of a run as PNG bytes: loss curves and confusion matrices. The same input gives the same bytes.

The object interface of matplotlib is used with its own defaults, so neither a display nor the user's
settings have a say. Colours are those of the page (Okabe and Ito's palette, safe for colour blindness).
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medadapt.report.clean_text import one_line

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#5b6770"
COUNTS = LinearSegmentedColormap.from_list("counts", ["#ffffff", "#9cc9e6", "#0072b2", "#003a5d"])
DOTS_PER_INCH = 160
MAX_LABELS = 25
"""A matrix with more classes shows only those with a mistake."""
MAX_LABELS_WITH_MISTAKES = 60
MAX_NAME = 30
LOOK = {
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": "#1f2933",
    "axes.grid": True,
    "grid.color": "#e3e8ec",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
}


def training_loss(steps: list[dict[str, Any]]) -> bytes | None:
    """Loss of every optimiser step with its running mean (nats per token); None where no step was taken."""
    at, loss = _series(steps, "loss")
    if not len(at):
        return None

    def draw(axes: Axes) -> None:
        axes.plot(at, loss, ".", color=BLUE, alpha=0.28, markersize=4, label="each step", zorder=2)
        axes.plot(at, _running_mean(loss), color=BLUE, linewidth=2, label="running mean", zorder=3)
        _label_curve(axes, loss)

    return _curve(draw)


def learning_curve(steps: list[dict[str, Any]]) -> bytes | None:
    """Training against validation loss (nats per token); None where no validation loss was measured."""
    at, loss = _series(steps, "loss")
    measured_at, measured = _series(steps, "validation_loss")
    if not len(measured_at):
        return None

    def draw(axes: Axes) -> None:
        axes.plot(at, _running_mean(loss), color=BLUE, linewidth=2, label="training (running mean)")
        axes.plot(measured_at, measured, "o-", color=ORANGE, linewidth=2, markersize=4.5, label="validation")
        lowest = int(np.argmin(measured))
        axes.plot(
            measured_at[lowest], measured[lowest], "o", markersize=11, markerfacecolor="none", color=ORANGE
        )
        axes.annotate(
            f"lowest {measured[lowest]:.3f}",
            (measured_at[lowest], measured[lowest]),
            xytext=(0, -18),
            textcoords="offset points",
            ha="right" if measured_at[lowest] > at.mean() else "left",
            color="#a34700",
        )
        _label_curve(axes, np.concatenate([loss, measured]))

    return _curve(draw)


def confusion_matrix(labels: list[str], matrix: list[list[int]]) -> tuple[bytes, int]:
    """Counts of test records by right (rows) and given class (columns), and how many classes are left out.

    More than `MAX_LABELS` classes: those without a mistake in this matrix are left out, and of more than
    `MAX_LABELS_WITH_MISTAKES` the ones with the fewest mistakes.
    """
    counts = np.array(matrix, dtype=np.int64).reshape(len(labels), len(labels))
    kept = _classes_to_show(counts)
    shown = counts[np.ix_(kept, kept)]
    names = [_short_name(labels[place]) for place in kept]
    side = 2.6 + 0.36 * max(len(kept), 4)

    with matplotlib.style.context(["default", LOOK]):
        figure = Figure(figsize=(side, side), dpi=DOTS_PER_INCH, layout="constrained")
        axes = figure.add_subplot()
        axes.grid(visible=False)
        axes.imshow(shown, cmap=COUNTS, vmin=0, vmax=max(int(shown.max(initial=0)), 1))
        for row, column in zip(*np.nonzero(shown), strict=True):
            dark = shown[row, column] > 0.55 * shown.max()
            axes.text(column, row, str(shown[row, column]), ha="center", va="center", fontsize=9,
                      color="white" if dark else "#1f2933")  # fmt: skip
        places = range(len(kept))
        axes.set_yticks(places, names, parse_math=False)
        axes.set_xticks(places, names, parse_math=False)
        if max(map(len, names), default=0) > 3:
            axes.tick_params(axis="x", labelrotation=60)
            for name in axes.get_xticklabels():
                name.set(ha="right", rotation_mode="anchor")
        axes.set_xticks(np.arange(len(kept) + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(len(kept) + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#e3e8ec", linewidth=0.6)
        axes.tick_params(which="both", length=0)
        axes.set_xlabel("answer of the model")
        axes.set_ylabel("right answer")
        return _png(figure), len(labels) - len(kept)


def _short_name(label: str) -> str:
    name = one_line(label)
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def _classes_to_show(counts: NDArray[np.int64]) -> list[int]:
    everything = list(range(len(counts)))
    if len(counts) <= MAX_LABELS:
        return everything
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    worst_first = sorted(
        (place for place in everything if mistakes[place]), key=lambda place: -mistakes[place]
    )
    return sorted(worst_first[:MAX_LABELS_WITH_MISTAKES]) or everything[:MAX_LABELS]


def _series(steps: list[dict[str, Any]], key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pairs = [(row["step"], row[key]) for row in steps if row.get(key) is not None]
    at, values = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return at, values


def _running_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the last 1/25 of all values up to each place, so that the curve has no look ahead."""
    width = max(1, len(values) // 25)
    total = np.cumsum(np.concatenate([[0.0], values]))
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - width, 0)
    return (total[last] - total[first]) / (last - first)


def _label_curve(axes: Axes, values: NDArray[np.float64]) -> None:
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("loss (nats per token)")
    if values.min() > 0 and values.max() / values.min() > 30:
        axes.set_yscale("log")
    axes.legend(loc="upper right")


def _curve(draw: Any) -> bytes:
    with matplotlib.style.context(["default", LOOK]):
        figure = Figure(figsize=(6.4, 3.7), dpi=DOTS_PER_INCH, layout="constrained")
        draw(figure.add_subplot())
        return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    with (
        warnings.catch_warnings()
    ):  # a label in a script the font lacks shows boxes; the tables have its text
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
