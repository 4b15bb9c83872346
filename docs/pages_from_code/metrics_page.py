"""The functions that compute the metrics -> the page that defines them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from medadapt.core import results
from medadapt.core.results import LOWER_IS_BETTER
from medadapt.metrics.marking import corpus_overlap, likeness, values
from medadapt.report.card import FINDING_TITLES
from medadapt.report.wording import CONTROL_NAMES, METRIC_NAMES, OUT_OF_HUNDRED
from pages_from_code.markdown import code, page, table

CLOSED = "diagnosis, multiple_choice"
OPEN = "qa"

DEFINED_BY: dict[str, tuple[Callable[..., Any], str]] = {
    "accuracy": (values.accuracy, CLOSED),
    "accuracy_generated": (values.accuracy_generated, CLOSED),
    "macro_f1": (values.macro_f1, CLOSED),
    "loss": (values.loss, f"{CLOSED}, {OPEN}"),
    "perplexity": (values.perplexity, f"{CLOSED}, {OPEN}"),
    "bits_per_byte": (values.bits_per_byte, f"{CLOSED}, {OPEN}"),
    "rouge1": (likeness.rouge1, OPEN),
    "rouge2": (likeness.rouge2, OPEN),
    "rougeL": (likeness.rouge_l, OPEN),
    "bleu": (corpus_overlap.bleu, OPEN),
    "chrf": (corpus_overlap.chrf, OPEN),
    "token_f1": (likeness.token_f1, OPEN),
    "fuzzy": (likeness.fuzzy, OPEN),
}
"""Metric -> the function that defines it, and the tasks that have it."""

MEASURED_BY_A_MODEL = {
    "similarity": (
        "Cosine of the embeddings of the written answer and the reference, by the model that "
        "`evaluation.embedding_model` names.",
        OPEN,
    )
}
SHAPES = re.compile(r" \(\.\.\., \d+\)")
"""Array shapes in docstrings, which say nothing to a reader of the page."""
FAMILIES = {"rouge"}
"""Names of groups of metrics, which the report uses as headings."""

INTRODUCTION = """\
`5-metrics/metrics.json` holds every figure of the comparison of base and tuned model, and
`medadapt report RUN --verify` computes it again from the predictions. What the report shows besides, of training,
search, further seeds and standard sets, stands in files of its own; the counts above its list of records are made
from the predictions.

Each metric has a value, an interval at the level of `evaluation.alpha` and the number of test records behind
it. What cannot be computed is null, with a reason. `difference` is tuned minus baseline on the same records.
Its verdict is `better` or `worse` where p is below alpha and the interval excludes 0 on that side, and
`not shown` everywhere else. Where every resample gives the same difference no interval is told, and the verdict
rests on p alone. `not shown` is no proof that two models are equal."""


def metrics_page() -> str:
    """All metrics, the controls beside them, what a gate looks for, and the file that holds them."""
    missing = set(METRIC_NAMES) - FAMILIES - set(DEFINED_BY) - set(MEASURED_BY_A_MODEL)
    if missing:
        raise ValueError(f"metrics without a definition on the page: {', '.join(sorted(missing))}")
    return page(
        "Metrics",
        INTRODUCTION,
        "## Metrics",
        table(("key", "name", "range", "better", "tasks", "definition"), map(_row, _known())),
        "## Controls",
        "Simple explanations of a gain, marked beside the models on the same test records.",
        table(("key", "name"), ((code(key), name) for key, name in CONTROL_NAMES.items())),
        "## Findings",
        "What is looked for in the metrics, and stands first in card and report.",
        table(("kind", "title"), ((code(kind), title) for kind, title in FINDING_TITLES.items())),
        "## metrics.json",
        _text_under(results, "Metrics"),
    )


def _known() -> list[str]:
    return [key for key in METRIC_NAMES if key not in FAMILIES]


def _row(key: str) -> tuple[str, ...]:
    defined = DEFINED_BY.get(key)
    text, tasks = (inspect.getdoc(defined[0]) or "", defined[1]) if defined else MEASURED_BY_A_MODEL[key]
    definition = SHAPES.sub("", text.partition("\n\n")[0])
    better = "lower" if key in LOWER_IS_BETTER else "higher"
    return code(key), METRIC_NAMES[key], _range(key), better, tasks, definition


def _range(key: str) -> str:
    if key in OUT_OF_HUNDRED:
        return "0 to 100"
    if key == "similarity":
        return "-1 to 1"
    if key == "perplexity":
        return "from 1"
    return "from 0" if key in LOWER_IS_BETTER else "0 to 1"


def _text_under(module: Any, name: str) -> str:
    """The text under a name of a module."""
    text = inspect.getsource(module).partition(f"\n{name} = ")[2].split('"""')[1]
    return inspect.cleandoc(text)
