"""What all drawings share: canvas, colours, and bytes that are the same for the same input.

The object interface of matplotlib is used with its own defaults, so neither a display nor the user's
settings have a say. Colours are those of the page (Okabe and Ito's palette, safe for colour blindness).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from medadapt.report.clean_text import one_line

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#5b6770"
INK, PALE = "#1f2933", "#e3e8ec"
DOTS_PER_INCH = 192
"""Twice the 96 pixels that a browser takes for an inch, so that drawings are sharp on fine screens."""
MOST_DOTS = 2000
"""Of a drawing's width: the page is no wider, and large drawings take seconds."""
MAX_COLOURS = 128
MAX_NAME = 30
LOOK = {
    "font.size": 10.5,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """A figure of this size in inches in the look of the report."""
    with matplotlib.style.context(["default", LOOK]):
        dpi = min(DOTS_PER_INCH, MOST_DOTS / width)
        yield Figure(figsize=(width, height), dpi=dpi, layout="constrained")


def png(figure: Figure) -> bytes:
    """The figure as PNG without metadata, in few colours: the page holds every drawing whole."""
    drawn = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # A label in a script the font lacks shows boxes; the tables have its text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        drawn.draw()  # once; `savefig` draws twice
    image = Image.fromarray(np.asarray(drawn.buffer_rgba())).convert("RGB")
    small = io.BytesIO()
    colours = image.quantize(MAX_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colours.save(small, format="png")
    return small.getvalue()


def series(rows: list[dict[str, Any]], key: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and values of one key of `steps.jsonl`, where it has a value."""
    pairs = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    at, values = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return at, values


def short_name(label: str) -> str:
    """A label that fits beside an axis."""
    name = one_line(label)
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
