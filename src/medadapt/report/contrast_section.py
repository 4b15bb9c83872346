"""Written answers that contradict their reference, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.clean_text import one_line, shortened
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Section, Table, Text

KIND_NAMES = {
    "any": "Any contradiction",
    "negation": "Denied or affirmed",
    "number": "Number or dose",
    "unit": "Unit",
    "comparison": "More or less",
    "side": "Side",
    "name": "Drug or disease",
}
SHARE = "accuracy"
"""Rates read like accuracies: in per cent, their differences in points."""
TWO_DECIMALS = "bleu"
MOST_TEXT = 300
WHAT_IT_IS = (
    "Fixed rules compare sentences of the answer and of the reference that are about the same: what one denies and the "
    "other affirms, numbers and doses, units, more and less, sides, and names of drugs and diseases. A rate is the "
    "share of answers with a contradiction among those that say anything a rule could check. Silence is counted apart."
)
WHAT_IT_IS_NOT = (
    "The rules read sentence by sentence and miss an error in other words than the reference's. No contradiction found "
    "does not mean that an answer is right. The p-values of the kinds are corrected for their number (Holm); that of "
    "any contradiction stands alone."
)


def contrast_section(inputs: ReportInputs) -> Section | None:
    """Rates of contradictions of both models and the worst of them; None where no answers were written."""
    found = inputs.metrics.get("contrast") or {}
    if "difference" not in found:
        return None
    level = wording.confidence(inputs.metrics["alpha"])
    blocks: list[Block] = [
        Text(text=WHAT_IT_IS),
        Table(
            caption=f"Answers that contradict their reference ({level} intervals; fewer are better)",
            columns=("", "base", "tuned", "difference", "p"),
            rows=tuple(_row(kind, found) for kind in KIND_NAMES if kind in found["difference"]),
            marked=0,
        ),
        Text(text=" ".join([_silence(found), *_shapes(inputs.metrics.get("answer_shape") or {})])),
        Table(
            caption=f"What the answers repeat of what their references name ({level} intervals)",
            columns=("", *wording.MODEL_TITLES.values()),
            rows=tuple(
                (
                    title,
                    *(wording.estimate(SHARE, found["named"][model][what]) for model in wording.MODEL_TITLES),
                )
                for what, title in (("numbers", "Numbers"), ("names", "Known drugs and diseases"))
            ),
        ),
        *_worst(found.get("examples") or []),
        Text(text=WHAT_IT_IS_NOT, quiet=True),
    ]
    return Section(anchor="contradictions", title="Contradictions", blocks=tuple(blocks))


def _row(kind: str, found: dict[str, Any]) -> tuple[str, ...]:
    change = found["difference"][kind]
    return (
        KIND_NAMES[kind],
        *(_rate(found[model][kind]) for model in wording.MODEL_TITLES),
        wording.with_interval(
            wording.metric_change(SHARE, change["value"]), wording.change_interval(SHARE, change)
        ),
        wording.p_value(wording.shown_p(change)),
    )


def _rate(leaf: dict[str, Any]) -> str:
    """The rate with its interval and the answers behind it."""
    text = wording.estimate(SHARE, leaf)
    return text if text == wording.MISSING else f"{text} of {leaf['checkable']:,}"


def _silence(found: dict[str, Any]) -> str:
    shares = (
        f"{wording.share(found['silent'][model])} of the {title.lower()}"
        for model, title in wording.MODEL_TITLES.items()
    )
    return f"Answers that say nothing a rule could check: {', '.join(shares)}."


def _shapes(shapes: dict[str, Any]) -> list[str]:
    """Length and repetition of each model's answers."""
    found = []
    for model, title in wording.MODEL_TITLES.items():
        if model in shapes:
            ratio = wording.metric_value(TWO_DECIMALS, shapes[model]["length_ratio"])
            loops = wording.share(shapes[model]["repetitive"])
            found.append(
                f"{title}: {ratio} words for each word of the references, {loops} of the answers repeat themselves."
            )
    return found


def _worst(examples: list[dict[str, Any]]) -> list[Block]:
    """The tuned answers with most contradictions, a row each contradiction."""
    rows = tuple(
        (
            str(example["id"]),
            KIND_NAMES.get(finding["kind"], finding["kind"]),
            f"{_short(finding['said'])}: {_short(finding['answer'])}",
            f"{_short(finding['wanted'])}: {_short(finding['reference'])}",
        )
        for example in examples
        for finding in example["findings"]
    )
    if not rows:
        return [Text(text="No contradiction was found in the answers of the tuned model.")]
    caption = "Tuned answers with most contradictions"
    columns = ("test record", "what", "the answer says", "the reference says")
    return [Table(caption=caption, columns=columns, rows=rows, words=True)]


def _short(text: str) -> str:
    return shortened(one_line(text), MOST_TEXT)
