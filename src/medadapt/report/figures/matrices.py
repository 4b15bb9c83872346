"""Confusion matrices of both models on one colour scale, and who was right: the base, the tuned model, both."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray

from medadapt.report.figures.drawing import INK, PALE, canvas, png, short_name

COUNTS = LinearSegmentedColormap.from_list("counts", ["#ffffff", "#9cc9e6", "#0072b2", "#003a5d"])
MAX_LABELS = 60
"""Of more labels only those with the most mistakes of both models together are drawn."""


def labels_to_show(matrices: list[list[list[int]]], num_labels: int) -> list[int]:
    """Places of the labels to draw, in their order: all, or those with the most mistakes."""
    everything = list(range(num_labels))
    if num_labels <= MAX_LABELS:
        return everything
    counts = np.sum([_counts(matrix, num_labels) for matrix in matrices], axis=0)
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    return sorted(sorted(everything, key=lambda place: -mistakes[place])[:MAX_LABELS])


def confusion_matrices(labels: list[str], matrices: list[list[list[int]]], *, kept: list[int]) -> list[bytes]:
    """Counts of test records by right (rows) and given label (columns) for the labels in `kept`, by model.

    All are drawn on one colour scale, and on one canvas one after the other: most of the time goes into its labels.
    """
    counted = [_counts(matrix, len(labels)) for matrix in matrices]
    most = max(int(counts.max(initial=0)) for counts in counted)
    names = [short_name(labels[place]) for place in kept]
    cell = 0.62 if len(kept) <= 6 else 0.36 if len(kept) <= 25 else 0.28
    side = 2.6 + cell * max(len(kept), 4)
    with canvas(side, side) as figure:
        axes = figure.add_subplot()
        places = range(len(kept))
        axes.set_yticks(places, names, parse_math=False)
        axes.set_xticks(places, names, parse_math=False)
        if max(map(len, names), default=0) > 3:
            axes.tick_params(axis="x", labelrotation=60)
            for name in axes.get_xticklabels():
                name.set(ha="right", rotation_mode="anchor")
        axes.set_xlabel("answer of the model")
        axes.set_ylabel("right answer")
        _grid(axes, len(kept), len(kept))
        drawn: list[bytes] = []
        shown: list[Artist] = []
        for counts in counted:
            for one in shown:
                one.remove()
            shown = _cells(axes, counts[np.ix_(kept, kept)], most=most, size=11 if len(kept) <= 6 else 9)
            axes.set_title(f"n = {int(counts.sum()):,} test records", fontsize=10, loc="left")
            drawn.append(png(figure))
            figure.set_layout_engine("none")  # the first drawing has found every place
        return drawn


def right_wrong_matrix(both_right: int, baseline_only: int, tuned_only: int, neither: int) -> bytes:
    """Counts of test records by whether the base (rows) and the tuned model (columns) count as right."""
    counts = np.array([[both_right, baseline_only], [tuned_only, neither]], dtype=np.int64)
    with canvas(4.2, 3.5) as figure:
        axes = figure.add_subplot()
        _grid(axes, *counts.shape)
        _cells(axes, counts, most=int(counts.max()), size=15)
        axes.set_xticks([0, 1], ["tuned right", "tuned wrong"])
        axes.set_yticks([0, 1], ["base right", "base wrong"])
        axes.set_title(f"n = {int(counts.sum()):,} test records", fontsize=10, loc="left")
        return png(figure)


def _grid(axes: Axes, height: int, width: int) -> None:
    """The lines between cells."""
    axes.grid(visible=False)
    # As two sets of lines: as a grid of minor ticks they take as long as all the rest.
    axes.vlines(np.arange(width + 1) - 0.5, -0.5, height - 0.5, colors=PALE, linewidth=0.6)
    axes.hlines(np.arange(height + 1) - 0.5, -0.5, width - 0.5, colors=PALE, linewidth=0.6)
    axes.tick_params(length=0)


def _cells(axes: Axes, counts: NDArray[np.int64], *, most: int, size: int) -> list[Artist]:
    """Coloured cells with their counts; zeros are left blank where there are many cells."""
    cells: list[Artist] = [axes.imshow(counts, cmap=COUNTS, vmin=0, vmax=max(most, 1))]
    for (row, column), count in np.ndenumerate(counts):
        if count or counts.size <= 36:
            dark = count > 0.45 * max(most, 1)
            colour = "white" if dark else INK
            number = axes.text(
                column, row, f"{count:,}", ha="center", va="center", fontsize=size, color=colour
            )
            number.set_in_layout(False)  # it lies within its cell
            cells.append(number)
    return cells


def _counts(matrix: list[list[int]], num_labels: int) -> NDArray[np.int64]:
    return np.array(matrix, dtype=np.int64).reshape(num_labels, num_labels)
