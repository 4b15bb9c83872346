"""The first line of the proof: the tuned model against the base and against the best control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medadapt.core.results import Metrics, Verdict
from medadapt.report import verdicts, wording

LESSONS = {
    "majority": "it is not shown that the model reads the question",
    "class_prior": "it is not shown that the model reads the question",
    "longest_option": "it is not shown that the model knows more than the length of the answers",
    "nearest_neighbour": "nothing about generalisation is shown",
    "tfidf": "nothing is shown beyond the weighing of words",
    "options_only": "it is not shown that the model uses the question",
    "few_shot": "nothing is shown that a better prompt would not do",
}
"""What follows where the tuned model does not beat this control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The verdict of the tuned model against one rival."""

    rival: str
    verdict: Verdict


def comparisons(metrics: Metrics) -> tuple[Comparison, ...]:
    """Against the base, the base with examples and the best control, as far as each was compared."""
    rivals = [("the base", metrics["difference"].get(metrics["primary"]) or {})]
    control, few_shot = metrics.get("against_control") or {}, metrics.get("against_few_shot") or {}
    if few_shot.get("value") is not None:
        rivals.append(("the base with examples", few_shot))
    if (
        (name := control.get("name"))
        and control.get("value") is not None
        and (name, len(rivals)) != ("few_shot", 2)
    ):
        rivals.append((f"the best control: {wording.control_inside(name)}", control))
    return tuple(
        Comparison(rival=rival, verdict=found.get("verdict", "not shown")) for rival, found in rivals
    )


def headline(metrics: Metrics) -> str:
    """One to three sentences: what is shown against the base, and what against the best control."""
    return " ".join(part for part in (_against_base(metrics), _against_control(metrics)) if part)


def _against_base(metrics: Metrics) -> str:
    """Against the base without and, where that was measured, with examples in its prompt."""
    verdict = (metrics["difference"].get(metrics["primary"]) or {}).get("verdict", "not shown")
    few_shot = metrics.get("against_few_shot") or {}
    known = few_shot.get("value") is not None
    if verdict == "better" and known:
        match few_shot.get("verdict"):
            case "better":
                return "Better than the base, with and without examples in its prompt."
            case "worse":
                return (
                    "Better than the base asked without examples, but worse than the base with examples in its "
                    "prompt."
                )
        return (
            "Better than the base asked without examples, but not shown to be better than the base with examples "
            "in its prompt."
        )
    text = {"better": "Better than the base", "worse": "Worse than the base"}.get(
        verdict, "Not shown to be better than the base"
    )
    return f"{text}."


def _against_control(metrics: Metrics) -> str:
    comparison = metrics.get("against_control") or {}
    name = comparison.get("name")
    if not name or comparison.get("value") is None:
        return "No simple control was measured."
    metric = verdicts.compared_metric(metrics)
    by = "" if metric == metrics["primary"] else f" by {wording.metric_name(metric)}"
    better = (metrics["difference"].get(metrics["primary"]) or {}).get("verdict") == "better"
    if comparison.get("verdict") == "better":
        also = "Also better" if better else "It is better"
        return f"{also} than the best control{by} ({wording.control_inside(name)})."
    lesson = LESSONS.get(name, "nothing is shown beyond what it does")
    if (
        name == "few_shot"
        and better
        and (examples := metrics.get("against_few_shot") or {}).get("value") is not None
    ):
        if examples.get("verdict") != "better":
            return f"So {lesson}."  # the first sentence has the rest
        lesson = f"by that measure {lesson}"  # by the primary metric the first sentence says otherwise
    way, scores = verdicts.control_way(name), _scores(comparison)
    if name != "nearest_neighbour" and _reaches(metrics, "nearest_neighbour", metric):
        scores += f", and {verdicts.control_way('nearest_neighbour')} does as well"
        lesson = LESSONS["nearest_neighbour"]
    subject = f"But {way}" if better else way[:1].upper() + way[1:]
    return f"{subject} {scores}{by}, so {lesson}."


def _scores(comparison: dict[str, Any]) -> str:
    if comparison.get("verdict") == "worse":
        return "scores better"
    return "scores as well" if comparison["value"] <= 0 else "may score as well"


def _reaches(metrics: Metrics, control: str, metric: str) -> bool:
    """Whether the control's value is at least that of the tuned model."""
    leaves = ((metrics.get("controls") or {}).get(control) or {}, metrics["tuned"])
    value, tuned = ((leaf.get(metric) or {}).get("value") for leaf in leaves)
    return value is not None and tuned is not None and value >= tuned
