"""The names of the metrics of written answers to open questions."""

from __future__ import annotations

from typing import Literal, get_args

TextMetric = Literal["rouge1", "rouge2", "rougeL", "bleu", "chrf", "token_f1", "fuzzy", "similarity"]
TEXT_METRICS: tuple[TextMetric, ...] = get_args(TextMetric)
"""By how a written answer resembles its reference."""
