"""The goals for speed beside what was measured, and why one is missed: the part of the results page that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from answering.page import is_current as is_fair
from peers.comparison import Comparison
from peers.page import (
    NAMES,
    ROWS,
    is_current,
    is_in_software,
    is_of_today,
    is_uneven,
    roof_is_current,
    searched_as_today,
    share_of_roof,
)
from time_shares import told
from training_peers import MODELS, name_of, planned

Stored = Mapping[str, Mapping[str, Any]]
PEERS, ANSWERING = "training_peers", "answering"
NEEDS_CUDA = ("unsloth", "axolotl")
ROUNDS = 5
"""Rounds that a ratio is to rest on."""
NOT_HELD = (
    "What TRL and LLaMA-Factory do at their defaults is not held against a goal here: they compute in bf16, which this "
    "processor has only in software."
)
EARLIER_SEARCH = ", tuned by a shorter search"
EARLIER_RULES = ", by earlier rules"
EARLIER_ANSWERING = ", before the comparison was made fairer"
LARGER = 1.1
"""Large products count as quicker than those of a step where they are by more than this."""
SET_FOR_AMX = (
    "The goals for training and answering were set for two cores with AMX, which this machine has not; here they are "
    "only a measure to go by."
)
SET_FOR_H200 = "The goals were set for one H200, which this is not; here they are only a measure to go by."
H200, H200_FLOPS = "NVIDIA H200", 989e12
"""As torch calls it, and its dense matrix products in bf16 by NVIDIA's data sheet."""
LLAMA_8B = "llama-3.1-8b"
UP_TO_1_5B = tuple(model for model in MODELS if model != LLAMA_8B)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """One measured value of what a goal is about."""

    of: str
    value: float | None
    """None where the ratio was refused."""
    profile: Mapping[str, float] | None = None
    """Shares of our time."""
    roof: float | None = None
    """Share of the matrix product roof that ours reaches, where the goal is a ratio of speeds."""
    is_uncertain: bool = False
    """Whether that roof was another one from round to round."""
    computed: float = 1.0
    """What must be computed of that share: a beginning that rows share counts for each of them and is read once."""
    spread: tuple[float, float] | None = None
    """Smallest and largest value of a round."""
    limit: str | None = None
    """What would have to change for the goal to be reached, where that hangs on what was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A value that is to be reached, and what stands in the way where it is not."""

    work: str
    goal: float
    stretch: float | None
    form: str
    """How a value is written, such as `{:.1f}x`."""
    least: bool
    """Whether the value is to be at least the goal; otherwise at most."""
    measured: Callable[[Stored], Iterator[Reached]]
    limit: str
    """What would have to change for the goal to be reached, where no value says it."""
    on_gpu: bool = False
    """Whether it is a goal of one H200; otherwise of two cores with AMX."""


def section(stored: Stored, *, instructions: list[str]) -> Iterator[str]:
    """Every goal for such a machine of which something was measured here; after the table, the missed ones."""
    on_gpu = _is_gpu(stored)
    lines = [
        "| work | measured | goal | stretch | reached | smallest to largest of a round | of the goal |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    missed: dict[str, list[str]] = {}
    for goal in (goal for goal in GOALS if goal.on_gpu == on_gpu):
        found = list(goal.measured(stored))
        lines += [_line(goal, one) for one in found]
        for one in found:
            if one.value is not None and not _is_reached(one.value, goal):
                limit = one.limit or goal.limit
                missed.setdefault(limit, []).append(f"- {goal.work}, {one.of}{_where(goal, one)}")
    if len(lines) > 2:
        yield "### Goals\n"
        yield "The sections below say how each was measured and when.\n"
        is_meant = _is_h200(stored) if on_gpu else "AMX" in instructions
        if not is_meant and any(name.startswith((PEERS, ANSWERING)) for name in stored):
            yield f"{SET_FOR_H200 if on_gpu else SET_FOR_AMX}\n"
        if any(True for _ in _in_software(stored)):
            yield f"{NOT_HELD}\n"
        yield "\n".join(lines) + "\n"
    if missed:
        yield "Where a goal is missed, what it would take, and where our time goes (profiled):\n"
        for limit, short_ones in missed.items():
            yield "\n".join(short_ones) + "\n"
            yield f"{limit}\n"


def unmeasured(machines: Iterable[Stored]) -> Iterator[str]:
    """The goals that were not measured where they are to be reached, and what else no machine has measured."""
    every = list(machines)
    lines = [line for goal in GOALS for line in _open(goal, every)]
    peers = [
        (name, one["found"]) for stored in every for name, one in stored.items() if name.startswith(PEERS)
    ]
    for one in planned(model=None, workload=None, dropout=None, sides=None, steps=None, rounds=1):
        made = {side for name, found in peers if name == name_of(one) for side in found["sides"]}
        missing = [side for side in one.sides if side not in made and side not in NEEDS_CUDA]
        if not made:
            lines.append(f"- training of {_words(one)}")
        elif missing:
            lines.append(f"- training of {_words(one)}, beside {', '.join(NAMES[side] for side in missing)}")
    if lines:
        yield "## Not measured yet\n"
        yield "\n".join(lines) + "\n"
    compared = [found for _, found in peers if len(found["sides"]) > 1]
    if few := sum(found["asked"]["rounds"] < ROUNDS for found in compared):
        yield (
            f"{few} of {len(compared)} comparisons of trainers rest on fewer than {ROUNDS} rounds; each says on how "
            "many.\n"
        )


def _open(goal: Goal, machines: Iterable[Stored]) -> Iterator[str]:
    """What is told of a goal that was not measured where it is to be reached, though perhaps without AMX."""
    alike = [stored for stored in machines if _is_gpu(stored) == goal.on_gpu]
    if _is_measured(goal, filter(_is_h200 if goal.on_gpu else _has_amx, alike)):
        return
    elsewhere = ", with AMX" if _is_measured(goal, alike) else ""
    where = ", on one H200" if goal.on_gpu else elsewhere
    yield f"- {goal.work}{where}: goal {goal.form.format(goal.goal)}"


def _is_measured(goal: Goal, machines: Iterable[Stored]) -> bool:
    return any(True for stored in machines for _ in goal.measured(stored))


def _has_amx(stored: Stored) -> bool:
    return any("AMX" in one.get("about", {}).get("instructions", ()) for one in stored.values())


def _is_gpu(stored: Stored) -> bool:
    """Whether all was measured on a GPU; its instructions are then those of the processor beside it."""
    return any(one.get("about", {}).get("cuda") for one in stored.values())


def _is_h200(stored: Stored) -> bool:
    return any(one.get("about", {}).get("device") == H200 for one in stored.values())


def _in_software(stored: Stored) -> Iterator[tuple[str, str]]:
    """Comparisons and their sides that computed in bf16 on a processor without instructions for it."""
    for name, one in stored.items():
        if name.startswith(PEERS):
            instructions = one.get("about", {}).get("instructions")
            yield from (
                (name, side)
                for side in one["found"]["ratios"]
                if is_in_software(one["found"], side, instructions)
            )


def _words(one: Comparison) -> str:
    return f"{one.model}, {ROWS[one.workload]}, dropout {one.dropout}"


def _where(goal: Goal, one: Reached) -> str:
    """How near the roof ours and the goal lie, and what ours does with its time; nothing where neither is known."""
    parts = []
    if one.roof is not None and one.value is not None:
        needed = one.roof * goal.goal / one.value
        is_beyond = needed * one.computed > 1 and not one.is_uncertain
        beyond = ", which nothing reaches on this machine" if is_beyond else ""
        uncertain = " (uncertain)" if one.is_uncertain else ""
        parts.append(
            f"ours reaches {one.roof:.0%} of the roof{uncertain}, the goal lies at {needed:.0%}{beyond}"
        )
    if one.profile is not None:
        parts.append(told(one.profile))
    return f": {'; '.join(parts)}" if parts else ""


def _is_reached(value: float, goal: Goal) -> bool:
    return value >= goal.goal if goal.least else value <= goal.goal


def _line(goal: Goal, one: Reached) -> str:
    if one.value is None:
        told_value, share = "refused", ""
    else:
        told_value = goal.form.format(one.value)
        share = f"{one.value / goal.goal if goal.least else goal.goal / one.value:.0%}"
    bounds = [goal.form.format(bound) if bound is not None else "" for bound in (goal.goal, goal.stretch)]
    spread = " to ".join(goal.form.format(value) for value in one.spread or ())
    return f"| {goal.work} | {one.of} | {' | '.join(bounds)} | {told_value} | {spread} | {share} |"


def _comparisons(
    stored: Stored, workload: str | None, models: tuple[str, ...] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Those of these rows and bases, or of all."""
    for name, one in stored.items():
        if not name.startswith(PEERS):
            continue
        asked = one["found"]["asked"]
        if workload in (None, asked["workload"]) and (models is None or asked["model"] in models):
            yield one["found"]


def _against(
    side: str, workload: str | None, models: tuple[str, ...] | None = None
) -> Callable[[Stored], Iterator[Reached]]:
    """How many times as fast ours trains."""

    def measured(stored: Stored) -> Iterator[Reached]:
        software = {id(stored[name]["found"]) for name, other in _in_software(stored) if other == side}
        for found in _comparisons(stored, workload, models):
            if side in found["ratios"] and id(found) not in software:
                ratio = found["ratios"][side]
                one = _reached(found, ratio["value"], tells_rows=workload is None)
                yield replace(
                    one,
                    of=one.of + (_marked(found) if side == "trl_tuned" else ""),
                    roof=share_of_roof(found, "native") if roof_is_current(found) else None,
                    is_uncertain=is_uneven(found.get("roofs", ())),
                    limit=None if _is_gpu(stored) else _limit(found),
                    computed=min(1.0, found["sides"]["native"]["padded_by_real"]),
                    spread=None if ratio["value"] is None else (ratio["low"], ratio["high"]),
                )

    return measured


def _reached(found: Mapping[str, Any], value: float | None, *, tells_rows: bool = False) -> Reached:
    asked = found["asked"]
    rows = f", {asked['workload']} rows" if tells_rows else ""
    of = f"{asked['model']}, dropout {asked['dropout']}{rows}{_few(asked['rounds'])}"
    is_as_today = is_of_today(found) and is_current(found) and roof_is_current(found)
    return Reached(of=of + ("" if is_as_today else EARLIER_RULES), value=value, profile=_profile(found))


def _few(rounds: int) -> str:
    """What is told of a number of rounds that is too small.

    >>> _few(1), _few(3), _few(5)
    (', 1 round', ', 3 rounds', '')
    """
    return "" if rounds >= ROUNDS else f", {rounds} round{'s' if rounds > 1 else ''}"


def _marked(found: Mapping[str, Any]) -> str:
    """What is told of the tuned TRL where it was tuned over less than it is today."""
    return "" if searched_as_today(found) else EARLIER_SEARCH


def _limit(found: Mapping[str, Any]) -> str:
    """Why a step of ours is not quicker, as far as the roof beside it says."""
    if not (roofs := found.get("roofs")) or not roof_is_current(found):
        return NO_PRODUCTS
    here, large = (median(one[key] for one in roofs) for key in ("flops", "large_flops"))
    return f"{SMALL_STEPS if large > LARGER * here else AS_LARGE} {NO_PRODUCTS}"


def _profile(found: Mapping[str, Any]) -> Mapping[str, float] | None:
    """Shares of our time, where they were looked at."""
    return None if "not_profiled" in found else found.get("profile")


def _roof_share(stored: Stored) -> Iterator[Reached]:
    """By a roof of products of all sizes alone: one of small products may lie too low."""
    for found in _comparisons(stored, "short", ("qwen2.5-0.5b",)):
        share = share_of_roof(found, "native")
        if share is None or not roof_is_current(found):
            continue
        one, computed = _reached(found, 100 * share), found["sides"]["native"]["padded_by_real"]
        notes = [f"{share * computed:.0%} where a shared beginning counts once"] if computed < 1 else []
        notes += ["the roof was uneven"] if is_uneven(found["roofs"]) else []
        yield replace(one, of="; ".join([one.of, *notes]), limit=_limit(found))


def _share_of_h200(stored: Stored) -> Iterator[Reached]:
    if _is_h200(stored):
        for found in _comparisons(stored, None, (LLAMA_8B,)):
            rate = found["sides"]["native"]["needed_flops_per_s"]
            yield _reached(found, 100 * rate / H200_FLOPS, tells_rows=True)


def _memory(stored: Stored) -> Iterator[Reached]:
    """Of the GPU where there is one."""
    for workload in ("short", "long"):
        for found in _comparisons(stored, workload):
            # What earlier comparisons told may be the memory of the process that started them.
            if "trl_tuned" in found["sides"] and is_current(found):
                sides = (found["sides"][side] for side in ("native", "trl_tuned"))
                ours, theirs = (side["peak_gpu_mb"] or side["peak_rss_mb"] for side in sides)
                one = _reached(found, ours / theirs, tells_rows=True)
                yield replace(one, of=one.of + _marked(found), profile=None)


def _answering(work: str, side: str) -> Callable[[Stored], Iterator[Reached]]:
    def measured(stored: Stored) -> Iterator[Reached]:
        answered = [one["found"]["models"] for name, one in stored.items() if name.startswith(ANSWERING)]
        for name, one in (pair for models in answered for pair in models.items()):
            part, of = one[work], f"{name}{_few(len(one[work]['runs']['ours']))}"
            of += "" if is_fair(one) else EARLIER_ANSWERING
            if part["ratio"] is None:
                yield Reached(of=of, value=None)
            elif side in part["ratio"]:
                if side == "generate" and "generate-label" in part["ratio"]:
                    of += f" ({part['ratio']['generate-label']:.1f}x where it stops behind the label)"
                spread = part.get("spread", {}).get(side)
                yield Reached(
                    of=of,
                    value=part["ratio"][side],
                    profile=_profile(part),
                    spread=(spread[0], spread[1]) if spread else None,
                )
            elif side in part.get("refused", {}):
                yield Reached(of=of, value=None)
            if work == "labels" and "labels_tuned" in one:
                yield from _choice_alone(name, one["labels_tuned"], side)

    return measured


def _choice_alone(name: str, tuned: dict[str, Any], side: str) -> Iterator[Reached]:
    best, rounds = tuned["best"], _few(len(tuned["runs"]["ours"]))
    of = f"{name}, tuned, the choice alone{rounds}"
    if side == "generate" and side in (tuned["ratio"] or ()):
        of += f" (it ends behind the label; {tuned['ratio'][side]:.1f}x where all are scored)"
    if best["ratio"] is None or side in best.get("refused", {}):
        yield Reached(of=of, value=None)
    elif side in best["ratio"]:
        low, high = best["spread"][side]
        yield Reached(of=of, value=best["ratio"][side], spread=(low, high))


def _data_path(stored: Stored) -> Iterator[Reached]:
    for name in ("data_path", "data_path-large"):
        one = stored.get(name, {})
        note = one.get("about", {}).get("note", "").removesuffix(".")
        for size, run in one.get("found", {}).get("sizes", {}).items():
            if size == "100000":
                seconds = run["prepare"]["seconds"] + run["encode"]["seconds"]
                of = f"{size} rows, `{name}`{f' ({note})' if note else ''}"
                yield Reached(of=of, value=seconds)


def _start_up(stored: Stored) -> Iterator[Reached]:
    if "start_up" in stored:
        demo = stored["start_up"]["found"]["demo"]
        parts = {name: demo["stages"][name] for name in ("prepare", "encode", "report")}
        parts["imports and the rest between stages"] = demo["between"]
        told_parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in parts.items())
        yield Reached(of=f"the demo ({told_parts})", value=100 * demo["outside_share"])


NOTHING_KNOWN = "Why it is missed has not been looked into yet."
SMALL_STEPS = "The matrix products of such a step are too small to reach the rate of large ones."
AS_LARGE = "The matrix products of such a step reach about the rate of large ones."
NO_PRODUCTS = (
    "What is no matrix product (norms, rotations, gates, copies, bookkeeping) takes time too, and a larger share of "
    "it the faster the processor multiplies. It would take kernels that join the update's thin products, norms and "
    "gates to the frozen products; torch has none for a CPU. Compiled ones did not pay with AVX2 in fp32 (part AMD "
    "EPYC, section What each technique of the engine gains; docs/decisions/0029); with AMX they were not measured."
)
"""Why a training goal is missed, the first two by what the roof beside a comparison says."""
ALL_LABELS = (
    "As a rule the probability of every label is wanted, for calibration, abstention and the report, so the whole tree "
    "of labels is read. The section Answering says how many tokens that is and how many a row for each label has: "
    "their ratio bounds what reading less can give. The choice alone (`evaluation.score_choices: best`) reads a path "
    "or two of the tree of a model that is sure, and most of it where a model knows nothing (docs/decisions/0028)."
)
STARTING = (
    "What is left is importing torch and transformers, which happens once in a process, and drawing the report. Both "
    "stay as long as they were while training gets faster, so their share falls slowly."
)
RATIO, PERCENT = "{:.1f}x", "{:.0f} %"
MEMORY = Goal(
    work="peak memory by that of TRL, tuned",
    goal=1, stretch=0.6, form="{:.2f}", least=False, measured=_memory, limit=NOTHING_KNOWN,
)  # fmt: skip
GOALS = (
    Goal(
        work="training against a tutorial's script",
        goal=60, stretch=100, form=RATIO, least=True,
        measured=_against("tutorial", "short", ("llama-42m", "llama-135m")),
        limit=NO_PRODUCTS,
    ),
    Goal(
        work="training against TRL's defaults, short rows",
        goal=6, stretch=10, form=RATIO, least=True, measured=_against("trl", "short"), limit=NO_PRODUCTS,
    ),
    Goal(
        work="training against TRL's defaults, long rows",
        goal=2.5, stretch=4, form=RATIO, least=True, measured=_against("trl", "long"), limit=NO_PRODUCTS,
    ),
    Goal(
        work="training against TRL, tuned, short rows",
        goal=3, stretch=4, form=RATIO, least=True, measured=_against("trl_tuned", "short"), limit=NO_PRODUCTS,
    ),
    Goal(
        work="training against TRL, tuned, long rows",
        goal=1.5, stretch=2, form=RATIO, least=True, measured=_against("trl_tuned", "long"), limit=NO_PRODUCTS,
    ),
    Goal(
        work="training against LLaMA-Factory's defaults, short rows",
        goal=5, stretch=8, form=RATIO, least=True, measured=_against("llamafactory", "short"), limit=NO_PRODUCTS,
    ),
    Goal(
        work="share of the matrix product roof",
        goal=50, stretch=65, form=PERCENT, least=True, measured=_roof_share, limit=NO_PRODUCTS,
    ),
    MEMORY,
    Goal(
        work="41 labels against `generate`, one prompt at a time, 20 tokens",
        goal=25, stretch=35, form=RATIO, least=True, measured=_answering("labels", "generate"), limit=ALL_LABELS,
    ),
    Goal(
        work="41 labels against lm-evaluation-harness, one row at a time (its default)",
        goal=20, stretch=35, form=RATIO, least=True, measured=_answering("labels", "lm-eval-1"), limit=ALL_LABELS,
    ),
    Goal(
        work="41 labels against lm-evaluation-harness, 64 rows at a time",
        goal=20, stretch=35, form=RATIO, least=True, measured=_answering("labels", "lm-eval-64"), limit=ALL_LABELS,
    ),
    Goal(
        work="writing against `generate`, one prompt at a time",
        goal=5, stretch=15, form=RATIO, least=True, measured=_answering("writing", "generate"), limit=NOTHING_KNOWN,
    ),
    Goal(
        work="prepare and encode, seconds",
        goal=300, stretch=None, form="{:.0f}", least=False, measured=_data_path, limit=NOTHING_KNOWN,
    ),
    Goal(
        work="time outside training and scoring",
        goal=15, stretch=None, form=PERCENT, least=False, measured=_start_up, limit=STARTING,
    ),
    Goal(
        work="training against TRL's defaults, up to 1.5B",
        goal=4, stretch=10, form=RATIO, least=True, measured=_against("trl", None, UP_TO_1_5B),
        limit=NOTHING_KNOWN, on_gpu=True,
    ),
    Goal(
        work="training against TRL's defaults, 8B",
        goal=1.5, stretch=1.8, form=RATIO, least=True, measured=_against("trl", None, (LLAMA_8B,)),
        limit=NOTHING_KNOWN, on_gpu=True,
    ),
    Goal(
        work="training against Unsloth, 8B",
        goal=1.1, stretch=1.3, form=RATIO, least=True, measured=_against("unsloth", None, (LLAMA_8B,)),
        limit=NOTHING_KNOWN, on_gpu=True,
    ),
    Goal(
        work="share of the peak in bf16, 8B",
        goal=50, stretch=60, form=PERCENT, least=True, measured=_share_of_h200,
        limit=NOTHING_KNOWN, on_gpu=True,
    ),
    replace(MEMORY, on_gpu=True),
)  # fmt: skip
