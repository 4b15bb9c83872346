"""One line about what a stage did, made from what it returned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from medadapt.report.wording import points


def ledger(data: Mapping[str, Any]) -> str:
    """Every source row accounted for: `410 rows = 243 train + 30 validation + 31 test + 106 dropped`."""
    counts, dropped = data["counts"], data["dropped"]
    parts = " + ".join(f"{counts[name]:,} {name}" for name in ("train", "validation", "test", "dropped"))
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in dropped.items() if count)
    return f"{data['rows']:,} rows = {parts}{f' ({reasons})' if reasons else ''}"


def leakage(data: Mapping[str, Any], *, allowed: bool) -> str:
    """How many test records have a copy, or a near copy, among the records trained on or chosen by.

    Of a leak that is not `allowed` it is told that it will fail the gate, before anybody trains for hours.
    """
    found = data["leakage"]
    told = f"leakage: {found['exact']} exact, {found['near']} near (of {data['counts']['test']} test records)"
    if allowed or not any(found[layer] for layer in found["gated"]):
        return told
    return f"{told}; the run will end with exit code 3, unless data.allow_leak: true accepts it"


def start_overlap(found: Mapping[str, Any]) -> str:
    """How many test records stand in what the adapter of `model.adapter` was trained on, or that this is not known."""
    if found["count"] is None:
        return "model.adapter: what it was trained on is not known, so test records may be among it"
    known = "" if found["known"] else ", of which part is not known"
    counts = f"{found['exact']} exact, {found['near']} near"
    return f"leakage from model.adapter: {counts} copies of test records in what it was trained on{known}"


def detectable(found: Mapping[str, Any]) -> str | None:
    """How large a difference this test set can show, before anything is trained; None where that is not known.

    `found` is `detectable_beforehand` of run.json.
    """
    size = f"this test set of {found['n']:,} records"
    if found["num_groups"] < found["n"]:
        size += f" in {found['num_groups']:,} groups"
    if found["value"] is not None:
        return (
            f"{size} shows a true difference in accuracy of about {points(found['value'])} in "
            f"{found['power']:.0%} of cases, where the models disagree on {found['discordant']:.0%} of the records"
            f"{', all in favour of the same one' if found['value'] >= found['discordant'] else ''}"
        )
    return f"{size} can show no difference: {found['reason']}" if found["metric"] == "accuracy" else None


def seen_validation(data: Mapping[str, Any]) -> str | None:
    """That validation records also stand in train, in words for a search; None where none does."""
    found, number = data["leakage"].get("validation") or {}, data["counts"]["validation"]
    if not found.get("near"):
        return None
    return (
        f"validation: {found['exact']} exact, {found['near']} near copies of training records (of {number}): "
        "the validation loss that trials are judged by favours what is learned by heart"
    )


def few_shot(facts: Mapping[str, Any]) -> str | None:
    """That the base was shown fewer training records than was asked for, or none; None where all is as asked."""
    if not facts["reason"] or facts["asked"] == 0:
        return None
    return f"few-shot control: the base was shown {len(facts['shown'])} training records: {facts['reason']}"


def settings(facts: Mapping[str, Any]) -> str:
    """The device, what was asked for and what it gave: `on NVIDIA T4 (cuda), precision fp16 (asked auto), ...`.

    `facts` are those of run.json; every {asked, got} pair in them is told.
    """
    device = facts["device"]
    pairs = {
        name: value
        for name, value in facts.items()
        if isinstance(value, dict) and {"asked", "got"} <= value.keys()
    }
    told = [f"{name} {_asked_got(pair['asked'], pair['got'])}" for name, pair in pairs.items()]
    return ", ".join([f"on {device['name']} ({device['type']})", *told])


def slow_format(facts: Mapping[str, Any]) -> str | None:
    """That the number format asked for is computed in software here; None where it is not."""
    if facts["precision"]["got"] != "bf16" or facts["device"].get("fast_bf16", True):
        return None
    return (
        "precision: this device has no instructions for bf16 and computes it many times slower than fp32; "
        "model.precision: auto would take the quicker one"
    )


def _asked_got(asked: Any, got: Any) -> str:
    return f"{got} = asked" if asked == got else f"{got} (asked {asked})"
