"""Stored comparisons -> their part of RESULTS.md, and a plot of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from machine import commit_of
from peers.comparison import RULES, SIDES
from peers.rounds import shortened
from peers.tuning import CHECKPOINTING, GIVEN_UP
from time_shares import told

NAMES = {
    "native": "MedAdapt",
    "tutorial": "a tutorial's script",
    "trl": "TRL, defaults",
    "trl_tuned": "TRL, tuned",
    "llamafactory": "LLaMA-Factory, defaults",
    "unsloth": "Unsloth, defaults (8-bit optimiser)",
    "axolotl": "Axolotl (kernels where there is no dropout)",
}
EARLIER = (
    "Measured before the comparison was made stricter: TRL was not tuned over its attention and its padding and each "
    "setting was tried once; the memory of a process may be that of the one that started it, which held the base in "
    "fp32; threads and dropout were no gates."
)
EARLIER_GATES = (
    "Held to earlier gates: a step's loss to 0.5 % of the loss itself, with dropout to 2 %, a mean loss to 5 %. The "
    "roof is that of products of one size alone, and may lie higher."
)
EARLIER_SEARCH = (
    "TRL was not yet tuned over recomputed activations, so a quicker setting may have been missed."
)
IN_SOFTWARE = (
    "This processor has no instructions for bf16, so sides whose defaults choose it compute it in software. Their "
    "ratios say that these defaults do not suit this machine, and little about the trainers; the tuned side says more."
)
UNSTORED = 3
"""The rules of a result from before they were stored, or earlier ones."""
UNEVEN = 1.3
"""Roofs of two rounds that differ by more make the share of the roof uncertain."""
SHORT = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
FIGURE = "training_peers.png"
TICKS = (0.5, 1, 2, 5, 10, 20, 50, 100)
ROWS = {
    "short": "symptom rows",
    "instructed": "symptom rows behind an instruction",
    "long": "MedQuAD answers",
}


def training_section(stored: Mapping[str, Mapping[str, Any]], *, figure: str | None) -> Iterator[str]:
    """Table of every comparison, and what was not run or not told and why."""
    yield "### Training against the peers\n"
    yield (
        "The same weights, rows in the same order, first adapter, learning rate and learned tokens; LoRA r=16 on all "
        "linear layers, 8 rows a step. Each side has an environment and a process of its own; in a round they run one "
        "after the other. Speeds are medians after the first 3 steps, on a GPU after the first 20 where as many are "
        "timed; every side reports its loss at each step. MedAdapt by it: how many times as fast ours is, with the "
        "smallest and largest ratio of a round. Where TRL's tuned settings put other rows together, other rows are "
        "timed, and the ratio is that of real tokens a second; by those its settings are chosen (before rules 5 of "
        "these comparisons by rows a second).\n"
    )
    yield (
        "A ratio is refused unless all of the adapter moved, every row was read whole and as many tokens were learned "
        "as should be, on the same device and threads. Where a side takes the same rows in the same steps, its first "
        "loss must be that of a plain fp32 computation, and every other loss must be as ours, up to 3 % of what was "
        "learned (10 % with dropout, where each side has masks of its own); without dropout its first gradient must be "
        "the plain one's as well. What was learned is how far the mean loss lies below the first. Where TRL's tuned "
        "settings put other rows together, the mean loss over the steps that both take must agree up to 10 % "
        "(before commit 1b085eda63 that over all steps, of which a side with smaller packs takes more). The tutorial's "
        "script learns prompts as well, and its losses are held in the same way against a plain computation of that; "
        "it reads one row at a time, padded to 384 tokens or to the longest row where that is longer, in fp32, and "
        "computes activations twice. Ours is held to a plain computation in its first step, and where that is said in "
        "those after it, which it is of no base above 0.5B: in each of them, or with dropout by their mean loss, up to "
        "10 % (before rules 5 in each of them).\n"
    )
    yield (
        "Ours is the engine as a run calls it, without the line in steps.jsonl and the checkpoints of a run; the "
        "others are driven by their trainers, which log every step. In our layers q, k and v share a dropout mask, as "
        "gate and up do (docs/decisions/0023). Few steps are timed, and products of shapes that come for the first "
        "time are slower, which in so short a time costs a side that does not round its shapes more than in a "
        "long training.\n"
    )
    yield (
        "Roof: the share of the best matrix product rate measured beside it that the needed arithmetic makes up (4N, "
        "real tokens; a beginning that rows share counts for each row, also where it is read once, and then padded / "
        "real tokens falls below 1). Peak memory is that of the process. Start-up: its seconds outside of training.\n"
    )
    if figure:
        yield f"![How many times as fast as each peer]({figure})\n"
    for found in stored.values():
        yield from _comparison(found["found"], instructions=found["about"].get("instructions"))
        yield f"\n{_origin(found['about'])}\n"


def _comparison(found: Mapping[str, Any], *, instructions: list[str] | None) -> Iterator[str]:
    asked = found["asked"]
    first = found["sides"]["native"]
    yield (
        f"**{asked['model']}, {ROWS[asked['workload']]}, LoRA dropout {asked['dropout']}** "
        f"({first['tokens_a_row']:.0f} tokens a row, {first['learned_a_row']:.0f} learned; {asked['rounds']} rounds)\n"
    )
    lines = [
        ["", "examples/s", "steps", "MedAdapt by it", "computes in", "of the roof", "padded / real tokens",
         "peak memory MB", "start-up s"],
        ["---"] * 9,
        *(_row(side, found) for side in found["sides"]),
    ]  # fmt: skip
    yield "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    if any(is_in_software(found, side, instructions) for side in found["sides"]):
        yield f"{IN_SOFTWARE}\n"
    if found.get("roofs"):
        yield _roof(found["roofs"])
    if found.get("profile"):
        yield f"Where ours spends its time (profiled): {told(found['profile'])}.\n"
    if reason := found.get("not_profiled"):
        yield f"Where ours spends its time is not known: {shortened(reason)}\n"
    if found["search"]:
        yield f"TRL was tuned over: {'; '.join(_tried(one) for one in found['search'])}.\n"
    yield from _remarks(found)
    for side, reason in found["not_run"].items():
        yield f"{NAMES[side]}: {shortened(reason)}\n"


def _remarks(found: Mapping[str, Any]) -> Iterator[str]:
    """How it was judged, where that is more than the page says of all comparisons, or was otherwise."""
    if curve := found["facts"].get("curve_of_answers"):
        yield f"Ours was held against a plain fp32 computation of its first {len(curve)} steps.\n"
    if not is_of_today(found):
        made = f"under rules {found['rules']}" if "rules" in found else "before rules were numbered"
        yield f"Made {made}; today's rules of these comparisons are {RULES}.\n"
    if not is_current(found):
        yield f"{EARLIER}\n"
    if found["search"] and not searched_as_today(found):
        yield f"{EARLIER_SEARCH}\n"
    if not roof_is_current(found):
        yield f"{EARLIER_GATES}\n"
    told = found["ratios"].get("trl_tuned")
    if "rules" not in found and told and told["value"] is not None:
        ours, theirs = (found["sides"][side]["tokens_per_s"] for side in ("native", "trl_tuned"))
        if (by_tokens := f"{ours / theirs:.1f}") != f"{told['value']:.1f}":
            yield f"The ratio to TRL, tuned, is still that of rows a second; by real tokens it is {by_tokens}.\n"


def is_in_software(found: Mapping[str, Any], side: str, instructions: list[str] | None) -> bool:
    """Whether a side computed in bf16 on a processor without instructions for it."""
    told = found["sides"][side]
    if instructions != [] or told["peak_gpu_mb"]:
        return False
    # Results from before sides told their number format do not say it.
    return told.get("computes_in", "bfloat16" if SIDES[side].wants_bf16 else None) == "bfloat16"


def is_of_today(found: Mapping[str, Any]) -> bool:
    """Whether it was made by today's rules; those below judge by what it holds."""
    return _rules_of(found) >= RULES


def _rules_of(found: Mapping[str, Any]) -> int:
    """By which rules it was made, or the last of those that were not stored."""
    return int(found.get("rules", UNSTORED))


def is_current(found: Mapping[str, Any]) -> bool:
    """Whether memory was that of each process, and threads and dropout were gates."""
    return "dropouts" in found["sides"]["native"]


def searched_as_today(found: Mapping[str, Any]) -> bool:
    """Whether TRL was tuned over recomputed activations as well, the last axis that was added."""
    tried = {choice for one in found["search"] for choice in one.get("choices", ())}
    return bool(tried & set(CHECKPOINTING) - {""})


def roof_is_current(found: Mapping[str, Any]) -> bool:
    """Whether large products were measured, too; the gates of today came with them."""
    return all("large_flops" in one for one in found.get("roofs", ()))


def is_uneven(roofs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the machine was so uneven from round to round that shares of the roof are uncertain."""
    rates = _best_rates(roofs)
    return bool(rates) and max(rates) > UNEVEN * min(rates)


def _best_rates(roofs: Sequence[Mapping[str, Any]]) -> list[float]:
    """Round by round the best rate of matrix products of any size."""
    return [max(one["flops"], one.get("large_flops", 0.0)) for one in roofs]


def _roof(roofs: list[Mapping[str, Any]]) -> str:
    """The machine as it was in these rounds."""

    def span(values: list[float], form: str) -> str:
        return f"{min(values):{form}} to {max(values):{form}}"

    short = [one["attention"][0] for one in roofs]
    flops = span([one["flops"] / 1e12 for one in roofs], ".2f")
    first, again = (
        f"{median(one['new_shape'][key] for one in roofs):.1f}" for key in ("first_ms", "again_ms")
    )
    fused, plain = (span([one[key] for one in short], ".1f") for key in ("fused_ms", "plain_ms"))
    moved, call = (span([one[key] for one in roofs], ".1f") for key in ("bandwidth_gb_s", "call_us"))
    large = ""
    if "large_flops" in roofs[0]:
        best = span([one["large_flops"] / 1e12 for one in roofs], ".2f")
        large = f", those of {roofs[0]['large_tokens']} tokens {best}"
    uneven = " The machine was uneven, so shares of the roof are uncertain." if is_uneven(roofs) else ""
    return (
        f"Matrix products of {roofs[0]['tokens']} tokens in {roofs[0].get('precision', 'bf16')} reached {flops} "
        f"TFLOP/s from round to round{large}; a product of a new shape took {first} ms and when it came again "
        f"{again} ms; attention of 8 rows of {short[0]['tokens']} tokens, forward and backward, {fused} ms fused and "
        f"{plain} ms as plain products; memory was copied at {moved} GB/s, and a call took {call} "
        f"microseconds.{uneven}\n"
    )


def _row(side: str, found: Mapping[str, Any]) -> list[str]:
    one = found["sides"][side]
    share = share_of_roof(found, side)
    return [
        " ".join([NAMES[side], *_version(side, one)]),
        _speed(one["examples_per_s"]),
        str(one["steps"]),
        _ratio(found["ratios"].get(side), found["broken_gates"][side]),
        SHORT.get(one.get("computes_in"), ""),
        "" if share is None else f"{share:.0%}",
        f"{one['padded_by_real']:.2f}",
        str(one["peak_gpu_mb"] or one["peak_rss_mb"]),
        f"{one['start_up_seconds']:.0f}",
    ]


def share_of_roof(found: Mapping[str, Any], side: str) -> float | None:
    """What the needed arithmetic of a side makes up of the best rate of matrix products in any round, of any size."""
    rates = _best_rates(found.get("roofs", ()))
    needed = found["sides"][side].get("needed_flops_per_s")
    return needed / max(rates) if rates and needed else None


def _version(side: str, one: Mapping[str, Any]) -> list[str]:
    """Of the peer's own package, where the result has it."""
    package = {"trl_tuned": "trl", "tutorial": "transformers"}.get(side, side)
    found = one.get("versions", {}).get(package)
    return [f"({package} {found})"] if found else []


def _ratio(ratio: Mapping[str, Any] | None, broken: list[str]) -> str:
    if ratio is None:
        return f"refused: {'; '.join(broken)}" if broken else ""
    if ratio["value"] is None:
        return f"refused: {'; '.join(ratio['refused'])}"
    return f"{ratio['value']:.1f} ({ratio['low']:.1f} to {ratio['high']:.1f})"


def _tried(one: Mapping[str, Any]) -> str:
    if "name" in one:  # of an earlier search
        return f"{one['name']}: {'failed' if 'problem' in one else _speed(one['examples_per_s']) + '/s'}"
    speeds = [_speed(speed) for speed in one["speeds"] if speed]
    if not speeds:
        given_up = [problem for problem in one["problems"] if problem.startswith(GIVEN_UP)]
        failed = given_up[0] if given_up else f"failed ({shortened(one['problems'][-1], 160)})"
        return f"{', '.join(one['choices'])}: {failed}"
    tokens = f", {_speed(median(one['token_speeds']))} tokens/s" if "token_speeds" in one else ""
    return f"{', '.join(one['choices'])}: {' and '.join(speeds)}/s{tokens}"


def _speed(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _origin(about: Mapping[str, Any]) -> str:
    note = f" {about['note']}" if about.get("note") else ""
    return f"{about['measured']}, commit {commit_of(about)}; `{about['command']}`{note}"


def draw(stored: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Ratios of all comparisons as points with their spread, a panel each, as a PNG; one of ours alone has none.

    A side that computed bf16 in software is left out: it says little about the trainers.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn = [(one["found"]["asked"], ratios) for one in stored.values() if (ratios := _drawn(one))]
    rows = max(1, -(-len(drawn) // 2))
    figure, grid = pyplot.subplots(
        rows,
        2,
        figsize=(11, 1.2 + 1.6 * rows),
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    for panel, (asked, ratios) in zip(grid.flat, drawn, strict=False):
        _draw_ratios(panel, asked, ratios)
    for panel in list(grid.flat)[len(drawn) :]:
        panel.axis("off")
        # The panel above it is now the lowest of its column, and shared axes have their numbers in the last row alone.
        grid[-2 if rows > 1 else 0, 1].tick_params(labelbottom=True)
    figure.supxlabel("MedAdapt's speed by the peer's (line: smallest and largest of a round)", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def _drawn(one: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The ratios that are drawn of a stored comparison, refused ones included."""
    found, instructions = one["found"], one["about"].get("instructions")
    return {
        side: ratio
        for side, ratio in found["ratios"].items()
        if not is_in_software(found, side, instructions)
    }


def _draw_ratios(panel: Any, asked: Mapping[str, Any], ratios: Mapping[str, Mapping[str, Any]]) -> None:
    told = {side: ratio for side, ratio in ratios.items() if ratio["value"] is not None}
    for place, ratio in enumerate(told.values()):
        panel.plot([ratio["low"], ratio["high"]], [place, place], color="#9ecae1", linewidth=5)
        panel.plot(ratio["value"], place, "o", color="#222222", markersize=5)
        panel.annotate(
            f"{ratio['value']:.1f}", (ratio["value"], place), (6, 4), textcoords="offset points", fontsize=8
        )
    panel.axvline(1, color="#888888", linewidth=1)
    panel.set_xscale("log")
    panel.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS], minor=False, fontsize=8)
    panel.minorticks_off()
    panel.set_xlim(TICKS[0], 2 * TICKS[-1])  # room for the number beside the last point
    panel.set_yticks(range(len(told)), [NAMES[side] for side in told], fontsize=8)
    panel.set_ylim(max(len(told), 1) - 0.5, -0.5)
    panel.set_title(f"{asked['model']}, {ROWS[asked['workload']]}, dropout {asked['dropout']}", fontsize=9)
    panel.grid(alpha=0.3, axis="x")
