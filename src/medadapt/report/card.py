"""The proof card: did tuning help, by how much, and what speaks against believing it.

The same plain data is page one of the report, the summary of the model card and the last thing the
command line shows. Everything on it is read from `metrics.json`; nothing is computed anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from medadapt.core.results import LOWER_IS_BETTER, MODEL_NAMES, Metrics, Verdict
from medadapt.core.text_metrics import TEXT_METRICS
from medadapt.report import verdicts, wording
from medadapt.report.bars import Bar, metric_bars
from medadapt.report.clean_text import one_line
from medadapt.report.headline import Comparison, comparisons, headline
from medadapt.report.seed_words import seeds_judgement

FINDING_TITLES = {
    "edited": "Files were changed by hand",
    "leak": "Test records leaked into training",
    "regression": "The tuned model is worse than the base",
    "no_effect": "The adapter has no effect",
    "diverged": "Training diverged",
    "worse_than_uniform": "The base's loss is above that of blind guessing over the vocabulary",
    "forgetting": "What tuning cost in general English",
}
RATE_NAMES = {
    "truncated": "Prompt or answer shortened",
    "unparsed": "Written answer not understood",
    "empty": "Nothing written",
}


HIGH_RATE = 0.05
"""From this share of the test records on, what went missing is a warning: it can decide a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRow:
    """One metric for both models, in words. An interval is empty where there is none."""

    key: str
    name: str
    baseline: str
    baseline_interval: str
    tuned: str
    tuned_interval: str
    difference: str
    difference_interval: str
    p: str
    """Of a secondary metric adjusted for their number, where that was done."""
    test: str
    verdict: Verdict
    primary: bool
    written: bool
    """Compares written answers with references; the page shows these in a section of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedCounts:
    """How often both, one or none of the models was right on the same record."""

    both_right: int
    baseline_only: int
    tuned_only: int
    neither: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFinding:
    """A gate that failed, or something to know before believing the numbers."""

    kind: str
    failed: bool
    title: str
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofCard:
    """Everything a reader must know before believing that tuning helped."""

    task: str
    base: str
    n: int
    level: str
    """Of all intervals, for example `95%`."""
    primary: str
    lower_is_better: bool
    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    """With the base first, and with the best control."""
    headline: str
    """What is shown against the base and against the best control, without numbers."""
    sentence: str
    """The verdict in words, with its numbers."""
    caveats: tuple[str, ...]
    """What speaks against believing a gain, or any verdict, in a few words each."""
    bars: tuple[Bar, ...]
    """Of the primary metric."""
    rows: tuple[CardRow, ...]
    """The primary metric first."""
    num_adjusted: int
    """Secondary metrics whose p-values are adjusted for their number (Holm); 0 where none is."""
    paired: PairedCounts | None
    paired_by: str
    """What makes an answer of `paired` right, where that is not what the primary metric counts; else empty."""
    control: verdicts.Judgement
    few_shot: verdicts.Judgement | None
    """Against the base with examples in its prompt, where it was asked."""
    leakage: verdicts.Judgement
    seeds: verdicts.Judgement | None = None
    """Of the spread between training seeds, where training was repeated."""
    clean: verdicts.Judgement | None
    """On the test records without any overlap, where that was measured."""
    protocol: verdicts.Judgement | None
    """Where the evaluation was changed after the training had begun."""
    boilerplate: str
    """How much of the test answers also stands in training answers; empty where not measured."""
    rates: tuple[tuple[str, str, str], ...]
    """(what happened, share for the base, share for the tuned model)"""
    missed: tuple[tuple[str, str, str], ...]
    """Those of `rates` that are above 0 for a model."""
    rates_tone: Literal["warning", "plain"]
    """`warning` where one of these shares that the primary metric depends on is high."""
    findings: tuple[CardFinding, ...]
    notice: str


def proof_card(metrics: Metrics, seeds: dict[str, Any] | None = None) -> ProofCard:
    """The card of one run. What is null or absent in `metrics` is left out or said to be missing.

    `seeds` is the content of seeds.json, where there is one.
    """
    primary = metrics["primary"]
    control, leakage = verdicts.against_control(metrics), verdicts.leakage(metrics)
    few_shot, clean = verdicts.against_few_shot(metrics), verdicts.clean_subset(metrics)
    verdict: Verdict = (metrics["difference"].get(primary) or {}).get("verdict", "not shown")
    spread = seeds_judgement(seeds)
    judged = [one for one in (control, few_shot, leakage, clean, spread) if one is not None]
    doubts = [judgement.title for judgement in judged if judgement.tone in {"bad", "warning"}]
    protocol = verdicts.protocol_kept(metrics)
    return ProofCard(
        task=wording.TASK_NAMES[metrics["task"]],
        base=one_line(str((metrics.get("protocol") or {}).get("base") or "unknown")),
        n=metrics["n"],
        level=wording.confidence(metrics["alpha"]),
        primary=wording.metric_name(primary),
        lower_is_better=primary in LOWER_IS_BETTER,
        verdict=verdict,
        comparisons=comparisons(metrics),
        headline=headline(metrics),
        sentence=verdicts.gain(metrics),
        caveats=(*((protocol.title,) if protocol else ()), *(doubts if verdict == "better" else ())),
        bars=metric_bars(metrics, primary),
        rows=_rows(metrics),
        num_adjusted=num_adjusted(metrics),
        paired=paired_counts(metrics.get("paired")),
        paired_by=wording.by_choice(primary),
        control=control,
        few_shot=few_shot,
        leakage=leakage,
        seeds=spread,
        clean=clean,
        protocol=protocol,
        boilerplate=verdicts.boilerplate(metrics),
        rates=_rates(metrics.get("rates") or {}),
        missed=_missed(metrics.get("rates") or {}),
        rates_tone=_rates_tone(metrics.get("rates") or {}, primary),
        findings=tuple(_finding(finding) for finding in metrics.get("findings") or []),
        notice=wording.NOT_A_MEDICAL_DEVICE,
    )


def _rows(metrics: Metrics) -> tuple[CardRow, ...]:
    primary = metrics["primary"]
    known = [key for key in wording.METRIC_NAMES if key in metrics["tuned"]]
    others = [key for key in metrics["tuned"] if key not in wording.METRIC_NAMES]
    keys = sorted([*known, *others], key=lambda key: key != primary)
    return tuple(_row(metrics, key, primary=key == primary) for key in keys)


def _row(metrics: Metrics, key: str, *, primary: bool) -> CardRow:
    difference = metrics["difference"].get(key) or {}
    baseline, tuned = metrics["baseline"].get(key) or {}, metrics["tuned"].get(key) or {}
    return CardRow(
        key=key,
        name=wording.metric_name(key),
        baseline=wording.metric_value(key, baseline.get("value")),
        baseline_interval=wording.value_interval(key, baseline),
        tuned=wording.metric_value(key, tuned.get("value")),
        tuned_interval=wording.value_interval(key, tuned),
        difference=wording.metric_change(key, difference.get("value")),
        difference_interval=wording.change_interval(key, difference),
        p=wording.p_value(wording.shown_p(difference)),
        test=difference.get("test") or wording.MISSING,
        verdict=difference.get("verdict", "not shown"),
        primary=primary,
        written=key in TEXT_METRICS,
    )


def num_adjusted(metrics: dict[str, Any]) -> int:
    """How many secondary metrics of a run, or of a comparison, have a p-value that is adjusted for their number."""
    return sum((leaf or {}).get("p_adjusted") is not None for leaf in metrics["difference"].values())


def paired_counts(counts: dict[str, Any] | None) -> PairedCounts | None:
    """The four counts of metrics.json, or None where one is missing."""
    names = ("both_right", "baseline_only", "tuned_only", "neither")
    if not counts or any(counts.get(name) is None for name in names):
        return None
    return PairedCounts(**{name: counts[name] for name in names})


def _rates(rates: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    baseline, tuned = rates.get("baseline") or {}, rates.get("tuned") or {}
    return tuple(
        (name, wording.share(baseline.get(key)), wording.share(tuned.get(key)))
        for key, name in RATE_NAMES.items()
        if baseline.get(key) is not None or tuned.get(key) is not None
    )


def _missed(rates: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    above = {
        name
        for key, name in RATE_NAMES.items()
        if any((rates.get(model) or {}).get(key) for model in MODEL_NAMES)
    }
    return tuple(row for row in _rates(rates) if row[0] in above)


def _rates_tone(rates: dict[str, Any], primary: str) -> Literal["warning", "plain"]:
    """What was not written or not understood decides nothing where the primary metric looks at no written answer."""
    written = primary in ("accuracy_generated", *TEXT_METRICS)
    keys = [*RATE_NAMES] if written else ["truncated"]
    shares = [(rates.get(model) or {}).get(key) or 0.0 for model in MODEL_NAMES for key in keys]
    return "warning" if max(shares) >= HIGH_RATE else "plain"


def _finding(finding: dict[str, Any]) -> CardFinding:
    kind = finding["kind"]
    return CardFinding(
        kind=kind,
        failed=finding.get("exit_code", 0) != 0,
        title=FINDING_TITLES.get(kind, kind.replace("_", " ").capitalize()),
        problem=one_line(finding["problem"]),
        remedy=one_line(finding.get("remedy") or ""),
    )
