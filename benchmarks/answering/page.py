"""The result as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from peers.rounds import shortened
from time_shares import told

WORKS = {"labels": "labels", "labels_tuned": "labels, tuned", "writing": "writing"}
SIDES = {"ours-best": "ours, the choice alone"}


def section(found: Mapping[str, Any]) -> Iterator[str]:
    """The result as Markdown."""
    rounds = len(next(iter(found["models"].values()))["labels"]["runs"]["ours"])
    yield (
        f"Seconds are medians of interleaved rounds, {rounds} of them; a ratio says how many times as long a side "
        "takes as ours, with the smallest and largest ratio of a round, and is refused unless in fp32 our decisions "
        "and answers are those of the plain way. Labels: all labels of every prompt scored (ours; "
        "lm-evaluation-harness with one row at a time, its default, and 64), 20 tokens written by `generate` one "
        "prompt at a time, or only as many as the right label has, as a tuned model would. "
        "Writing: up to 64 tokens, one prompt at a time or all 64 at once, compared by the time for a token.\n"
    )
    if any("labels_tuned" in one for one in found["models"].values()):
        yield (
            "The choice alone: as few labels scored as it takes to find the same choices by sum, per token and per "
            "byte (`evaluation.score_choices: best`), with which no probability is known. It pays where a model is "
            "sure. "
            "Labels, tuned: the same base with an adapter that was trained on the prompts until their labels are "
            "about as likely as those of the demo's tuned model; `generate` ends where it ends its answer.\n"
        )
    yield (
        "In fp32 the adapter is merged into the weights on every side; in 16 bits it stays beside them.\n"
        if all(map(is_current, found["models"].values()))
        else "Measured before the comparison was made fairer: some prompts came several times, and the harness reads "
        "equal requests once, so it did less than the others. Ours merged the adapter into the weights where it "
        "computed in fp32; the other sides kept it beside them. The harness's decisions were no gate, and ours came "
        "first in each round.\n"
    )
    yield (
        "The same as ours: the share of prompts with the same label or the same whole answer in the number format of "
        "the measurement. In 16 bits two ways part at a near tie, of which a random model has many, and what follows "
        "in a written answer is then another text.\n"
    )
    yield from _table(found["models"])
    read = next(iter(found["models"].values()))["read"]
    yield (
        f"For a prompt of {read['prompt']:.0f} tokens, ours reads {read['nodes']} tokens more: the {read['labels']} "
        "labels where they differ, because the probability of each is wanted. A row for each label has "
        f"{read['rows']:.0f} tokens; `generate` reads 20 beside the prompt at most, one at a time.\n"
    )
    for name, one in found["models"].items():
        for work in WORKS:
            yield from _of_work(name, work, one[work]) if work in one else ()
    for side, problem in found["not_run"].items():
        yield f"{side}: not run, {shortened(problem)}\n"


def _table(models: Mapping[str, Any]) -> Iterator[str]:
    of_best = any("best" in one["labels"] for one in models.values())
    names = ["model", "work", "side", "seconds", "times ours", "the same as ours", "peak memory MB"]
    if of_best:
        names.insert(5, "times the choice alone")
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    for name, one in models.items():
        for work, title in WORKS.items():
            for side, seconds in one[work]["seconds"].items() if work in one else ():
                both = one[work]
                same = f"{both['same_as_ours'][side]:.0%}" if side in both["same_as_ours"] else ""
                # What earlier measurements told may be the memory of the process that started them.
                memory = str(both["peak_rss_mb"][side]) if "share_of_roof" in both else ""
                ratios = [_ratio(both, side, "ours")]
                if of_best:
                    ratios.append(_ratio(both.get("best", {}), side, "ours-best"))
                cells = [name, title, SIDES.get(side, side), f"{seconds:.2f}", *ratios, same, memory]
                lines.append(f"| {' | '.join(cells)} |")
    yield "\n".join(lines) + "\n"


def _of_work(name: str, work: str, found: Mapping[str, Any]) -> Iterator[str]:
    title = WORKS[work]
    if "tuning" in found:
        tuning = found["tuning"]
        yield (
            f"{name}, tuned: {tuning['right']:.0%} of the prompts right, and their label costs {tuning['nats']:.2f} "
            f"nats on average, after {tuning['epochs']} epochs.\n"
        )
    if "best" in found:
        yield f"The choice alone, {name}, {title}: {found['best']['labels_read']:.1f} labels of a prompt scored.\n"
    tokens, share = {"writing": 64}.get(work, 2048), found.get("share_of_roof")
    of_roof = "" if share is None else f"; of the roof at {tokens} tokens it reaches {share:.0%}"
    shares = told(found["profile"])
    if "not_profiled" in found:
        shares = f"not known, because that run failed ({shortened(found['not_profiled'])})"
    yield f"Where ours spends its time, {name}, {title} (profiled): {shares}{of_roof}.\n"
    for side, problem in found.get("not_run", {}).items():
        yield f"{side}, {name}, {title}: not run, {shortened(problem)}\n"


def is_current(base: Mapping[str, Any]) -> bool:
    """Whether what was found of a base was measured as it is today."""
    return "different_prompts" in base


def _ratio(found: Mapping[str, Any], side: str, ours: str) -> str:
    if side == ours or "ratio" not in found:
        return ""
    if found["ratio"] is None:
        return "refused"
    if reason := found.get("refused", {}).get(side):
        return f"refused: {reason}"
    if "spread" not in found:
        return f"{found['ratio'][side]:.1f}"
    low, high = found["spread"][side]
    return f"{found['ratio'][side]:.1f} ({low:.1f} to {high:.1f})"
