"""The loss of every optimiser step, and training against validation loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from medadapt.report.figures.drawing import BLUE, GREY, INK, ORANGE, canvas, png, series

WIDE_RANGE = 30
"""Where the largest loss is more than so many times the smallest, the axis is logarithmic."""
OF_TEST = {"baseline": ("base model on test", GREY, ":"), "tuned": ("tuned model on test", INK, "--")}


def training_loss(steps: list[dict[str, Any]]) -> bytes | None:
    """Loss of every optimiser step with its running mean (nats per token), the learning rate below it.

    None where no step was taken.
    """
    at, loss = series(steps, "loss")
    if not len(at):
        return None
    rate_at, rate = series(steps, "learning_rate")
    with canvas(6.4, 4.3 if len(rate) else 3.7) as figure:
        if len(rate):
            axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
            below.plot(rate_at, rate, color=GREY, linewidth=1.4)
            below.set_ylim(bottom=0)
            below.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
            below.set_ylabel("learning\nrate")
            below.set_xlabel(f"optimiser step (n = {len(at):,})")
        else:
            axes = figure.add_subplot()
            axes.set_xlabel(f"optimiser step (n = {len(at):,})")
        dots = {"markersize": 4 if len(at) < 1000 else 2, "alpha": 0.28, "markeredgewidth": 0}
        axes.plot(at, loss, "o", color=BLUE, label="each step", zorder=2, **dots)
        axes.plot(at, running_mean(loss), color=BLUE, linewidth=2, label="running mean", zorder=3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # shared with the axes below
        _label_losses(axes, loss)
        return png(figure)


def learning_curve(steps: list[dict[str, Any]], test_losses: dict[str, float] | None = None) -> bytes | None:
    """Training and validation loss (nats per token), with the loss of both models on test as level lines.

    `test_losses` are those of `baseline` and `tuned`; either may be absent. None where there is neither a
    validation loss nor one on test, or where no step was taken.
    """
    at, loss = series(steps, "loss")
    measured_at, measured = series(steps, "validation_loss")
    tested = {name: value for name, value in (test_losses or {}).items() if name in OF_TEST}
    if not len(at) or not (len(measured_at) or tested):
        return None
    with canvas(6.4, 3.9) as figure:
        axes = figure.add_subplot()
        axes.plot(at, running_mean(loss), color=BLUE, linewidth=2, label="training (running mean)")
        if len(measured_at):
            _validation(axes, measured_at, measured, middle=float(at.mean()))
        for name, value in tested.items():
            label, colour, line = OF_TEST[name]
            axes.axhline(value, color=colour, linestyle=line, linewidth=1.6, label=f"{label} ({value:.3f})")
        axes.set_xlabel("optimiser step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _label_losses(axes, np.concatenate([running_mean(loss), measured, [*tested.values()]]))
        return png(figure)


def _validation(axes: Axes, at: NDArray[np.float64], measured: NDArray[np.float64], *, middle: float) -> None:
    label = f"validation (n = {len(at)} evaluations)" if len(at) > 1 else "validation (1 evaluation)"
    axes.plot(at, measured, "o-", color=ORANGE, linewidth=2, markersize=4.5, label=label)
    best = int(np.argmin(measured))
    axes.plot(at[best], measured[best], "o", markersize=11, markerfacecolor="none", color=ORANGE)
    axes.annotate(
        f"lowest {measured[best]:.3f}\nat step {at[best]:.0f}",
        (at[best], measured[best]),
        xytext=(0, 12),
        textcoords="offset points",
        ha="right" if at[best] > middle else "left",
        va="bottom",
        color="#a34700",
        fontsize=9.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
    )


def running_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the last 1/25 of all values up to each place, so that the curve has no look ahead."""
    width = max(1, len(values) // 25)
    total = np.cumsum(np.concatenate([[0.0], values]))
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - width, 0)
    return (total[last] - total[first]) / (last - first)


def _label_losses(axes: Axes, values: NDArray[np.float64]) -> None:
    axes.set_ylabel("loss (nats per token)")
    if values.min() > 0 and values.max() / values.min() > WIDE_RANGE:
        axes.set_yscale("log")
    axes.figure.legend(loc="outside upper left", ncols=2, fontsize=9.5)
