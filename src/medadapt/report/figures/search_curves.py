"""The validation loss of every trial of a search, the winner in front."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from medadapt.report.figures.drawing import BLUE, GREY, canvas, png

LINES = {"done": "-", "stopped": "--", "failed": ":"}


def search_curves(trials: list[dict[str, Any]], winner: str | None) -> bytes | None:
    """Validation loss against steps, a line a trial; None where no trial was ever evaluated.

    Finished trials are whole lines, stopped ones dashed, failed ones dotted; the winner is blue.
    """
    curves = [(trial, _curve(trial)) for trial in trials]
    drawn = [(trial, curve) for trial, curve in curves if len(curve)]
    if not drawn:
        return None
    drawn.sort(key=lambda pair: pair[0].get("id") == winner)  # the winner last, so that it lies on top
    with canvas(6.4, 3.9) as figure:
        axes = figure.add_subplot()
        named: set[str] = set()
        for trial, curve in drawn:
            won = winner is not None and trial.get("id") == winner
            status = "winner" if won else str(trial.get("status"))
            axes.plot(
                curve[:, 0], curve[:, 1],
                LINES.get(str(trial.get("status")), "-"),
                marker="o", markersize=4.5 if won else 3,
                color=BLUE if won else GREY, linewidth=2.4 if won else 1.2, alpha=1 if won else 0.75,
                label=None if status in named else f"{status} ({trial['id']})" if won else status,
            )  # fmt: skip
            named.add(status)
        values = np.concatenate([curve[:, 1] for _, curve in drawn])
        if values.min() > 0 and values.max() / values.min() > 30:
            axes.set_yscale("log")
        axes.set_xlabel("optimiser step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("validation loss (nats per token)")
        figure.legend(loc="outside upper left", ncols=4, fontsize=9.5, title=f"{len(drawn)} trials",
                      title_fontsize=9.5, alignment="left")  # fmt: skip
        return png(figure)


def _curve(trial: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    points = [(step, loss) for step, loss in trial.get("curve") or [] if loss is not None]
    return np.array(points, dtype=np.float64).reshape(-1, 2)
