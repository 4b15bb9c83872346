"""Whether the models' confidence can be believed, and what silence would buy, as a section."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.figures.reliability import reliability
from medadapt.report.figures.risk_coverage import risk_coverage
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Banner, Block, Figure, Heading, Section, Table, Text

CLOSE = 0.02
"""Confidence and share right that differ by less are said to agree."""


def calibration_section(inputs: ReportInputs) -> Section | None:
    """Confidence against truth, answers left out, and thresholds; None where none was measured."""
    found = inputs.metrics.get("calibration") or {}
    models = {name: found[name] for name in wording.MODEL_TITLES if found.get(name)}
    if not models:
        return None
    n = found["n"]
    blocks = [
        *_few(found),
        Text(text=_in_plain_words(models["tuned"])),
        *_reliability(models),
        _scores(models),
        Text(
            text="Expected by chance is the calibration error that a perfectly calibrated model would show on so "
            "many records. The squared error has chance taken out: around 0 means calibrated, on either side. "
            "Temperature and thresholds come from validation records, which also chose the kept step of the "
            "training: they are a little optimistic.",
            quiet=True,
        ),
        Heading(text="Answering only what the model is sure of"),
        *_coverage(models, n),
        *_thresholds(models),
    ]
    return Section(anchor="calibration", title="Can its confidence be believed?", blocks=tuple(blocks))


def _few(found: dict[str, Any]) -> list[Block]:
    if not found.get("few"):
        return []
    text = f"{wording.amount(found['n'], 'test record')} make a rough picture: read these figures as hints."
    return [Banner(tone="warning", title="Few test records", text=text)]


def _in_plain_words(tuned: dict[str, Any]) -> str:
    """One sentence for a clinician on the tuned model's confidence, and one on its threshold where there is one."""
    right = _right(tuned)
    claimed, off = tuned["confidence"], tuned["confidence"] - right
    points = f"{100 * abs(off):.0f} points"
    if abs(off) < CLOSE:
        ending = "on average its confidence is about right"
    elif off > 0:
        ending = f"it is too sure of itself by {points}"
    else:
        ending = f"it is right more often than it claims, by {points}"
    said = (
        f"The tuned model claims to be right {_percent(claimed)} of the time and is right {_percent(right)} of the "
        f"time: {ending}."
    )
    for risk, row in (tuned.get("thresholds") or {}).items():
        test = row.get("test") or {}
        if row.get("threshold") is not None and test.get("risk") is not None:
            return (
                f"{said} Held to be wrong in at most {_percent(float(risk))} of its answers, it would answer "
                f"{_percent(test['coverage'])} of these questions and be wrong in {_percent(test['risk'])} of them."
            )
    return said


def _right(model: dict[str, Any]) -> float:
    """Share right over all bins of the reliability diagram."""
    rows = model["reliability"]
    return float(sum(row["n"] * row["accuracy"] for row in rows) / sum(row["n"] for row in rows))


def _reliability(models: dict[str, dict[str, Any]]) -> list[Block]:
    png = reliability({name: model["reliability"] for name, model in models.items()})
    if png is None:
        return []
    text = "; ".join(
        f"{wording.MODEL_TITLES[name].lower()}: confidence {_percent(model['confidence'])}, "
        f"right {_percent(_right(model))}"
        for name, model in models.items()
    )
    caption = (
        f"Confidence and share right on average; {text}. Below the dotted line a model is too sure of itself. "
        "Each point stands for about equally many records."
    )
    return [Figure(file="reliability.png", png=png, alt=f"Reliability diagram; {text}.", caption=caption)]


def _scores(models: dict[str, dict[str, Any]]) -> Table:
    columns, rows = ["", *(wording.MODEL_TITLES[name] for name in models)], []
    names = {
        "nll": "Log loss of the right answer (nats)",
        "brier": "Brier score (0 to 2)",
        "ece": "Calibration error",
    }
    for key, name in names.items():
        rows.append((name, *(_estimate(key, model[key]) for model in models.values())))
    rows.append(
        ("– expected by chance", *(wording.share(m["ece"].get("if_calibrated")) for m in models.values()))
    )
    squared = "ece_debiased_squared"
    rows.append(
        ("Squared error, freed of chance", *(_estimate(squared, m[squared]) for m in models.values()))
    )
    rows.append(("Temperature (from validation)", *(_temperature(m["temperature"]) for m in models.values())))
    for key, name in names.items():
        rows.append(
            (
                f"{name}, after temperature",
                *(_estimate(key, model["after_temperature"].get(key)) for model in models.values()),
            )
        )
    return Table(caption="Scores of the probabilities", columns=tuple(columns), rows=tuple(rows))


def _temperature(temperature: dict[str, Any]) -> str:
    if temperature.get("value") is None:
        return wording.MISSING
    return f"{temperature['value']:.3g} ({wording.amount(temperature['n_validation'], 'record')})"


def _at(temperature: dict[str, Any]) -> str:
    """At which temperature a confidence is meant; nothing where it is taken as it is."""
    return "" if temperature.get("value") is None else f" at temperature {temperature['value']:.3g}"


def _coverage(models: dict[str, dict[str, Any]], n: int) -> list[Block]:
    blocks: list[Block] = []
    if png := risk_coverage({name: model["curve"] for name, model in models.items()}, n):
        text = "; ".join(
            f"{wording.MODEL_TITLES[name].lower()}: {_percent(model['curve'][-1]['risk'])} wrong of all"
            for name, model in models.items()
        )
        caption = (
            f"Share wrong when only the surest answers are given; {text}. Where confidence says something, the curve "
            "falls to the left."
        )
        blocks.append(
            Figure(file="risk_coverage.png", png=png, alt=f"Risk and coverage; {text}.", caption=caption)
        )
    keys = models["tuned"]["accuracy_at"]
    rows = [
        (
            f"Right in the surest {_percent(float(key))}",
            *(wording.estimate("accuracy", model["accuracy_at"][key]) for model in models.values()),
        )
        for key in sorted(keys, key=float)
    ]
    for key, name in (("aurc", "Area under the curve"), ("excess_aurc", "– above the best possible order")):
        rows.append((name, *(_estimate(key, model[key]) for model in models.values())))
    columns = ("", *(wording.MODEL_TITLES[name] for name in models))
    return [*blocks, Table(caption="What silence buys", columns=columns, rows=tuple(rows))]


def _thresholds(models: dict[str, dict[str, Any]]) -> list[Block]:
    rows: list[tuple[str, ...]] = []
    reasons: dict[str, None] = {}
    for name, model in models.items():
        for risk, row in model["thresholds"].items():
            if row.get("threshold") is None:
                reasons[f"{wording.MODEL_TITLES[name]}, {_percent(float(risk))}: {row['reason']}."] = None
                continue
            test = row["test"]
            wrong = wording.estimate("accuracy", {**test, "value": test["risk"]})
            title = f"{wording.MODEL_TITLES[name]}, at most {_percent(float(risk))} wrong"
            needed = wording.share(row["threshold"]) + _at(model["temperature"])
            rows.append((title, needed, wording.share(test["coverage"]), wrong))
    blocks: list[Block] = []
    if rows:
        columns = ("", "confidence needed", "answered on test", "wrong of those")
        blocks.append(
            Table(caption="Thresholds chosen on validation, tried on test", columns=columns, rows=tuple(rows))
        )
    if rows and any(_at(model["temperature"]) for model in models.values()):
        text = (
            "Confidence at a temperature is that after the scores were divided by it. The confidence of each record, "
            "here and in the predictions, is as the model gives it: such a threshold does not hold for that."
        )
        blocks.append(Text(text=text, quiet=True))
    tuned = models["tuned"]["thresholds"]
    if kept := [risk for risk, row in tuned.items() if row.get("threshold") is not None]:
        text = (
            f"`medadapt ask RUN … --risk {min(kept, key=float)}` applies the temperature and keeps silent below such a "
            "threshold."
        )
        blocks.append(Text(text=text, quiet=True))
    if reasons:
        blocks.append(Text(text=f"No threshold: {' '.join(reasons)}", quiet=True))
    return blocks


def _estimate(key: str, leaf: dict[str, Any] | None) -> str:
    if not leaf or leaf.get("value") is None:
        return wording.MISSING
    if key == "ece":
        return wording.estimate("accuracy", leaf)
    digits = 4 if key in ("ece_debiased_squared", "aurc", "excess_aurc") else 3
    ends = ["" if leaf.get(end) is None else f"{leaf[end]:.{digits}f}" for end in ("low", "high")]
    value = f"{leaf['value']:.{digits}f}"
    return wording.with_interval(value, f"{ends[0]} to {ends[1]}" if all(ends) else "").replace("-", "−")


def _percent(share: float) -> str:
    return wording.nearly_none_or_all(share) or f"{100 * share:.3g}%"
