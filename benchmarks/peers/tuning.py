"""The quickest settings of TRL's SFTTrainer that a careful user would find on this machine.

Along one axis after the other, each held at its best so far: the number format, the attention (and on a GPU fused
kernels), activations kept or recomputed, padding to a multiple, and how a step of 8 rows is made. The best three of all
are then tried twice more, in turn, because one short run on a machine that others share says little. The quickest have
the most real tokens a second: steps that hold other rows time other rows, which may be shorter. A try that takes far
longer than the quickest is given up: bf16 that a processor has only in software can take minutes for a step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from peers.rounds import LONGEST_RUN_S

STEPS, STEPS_ON_GPU = 10, 60
"""Steps of each try, of which the first 3 are not timed, or on a GPU the first 20."""
FINALISTS, REPEATS = 3, 2
PATIENCE = 4
"""A try is given up after so many times the seconds of the shortest, loading included."""
GIVEN_UP = "given up"
"""How the problem of such a try begins."""
ALWAYS = {"activation_checkpointing": False}
"""What every try has, but for the axis of this very setting and what comes after it where that is quicker."""
FORMATS = {
    "bf16": {"model_init_kwargs": {"dtype": "bfloat16"}},
    "fp32": {"bf16": False, "model_init_kwargs": {"dtype": "float32"}},
    "fp16": {"bf16": False, "fp16": True, "model_init_kwargs": {"dtype": "float16"}},
}
"""Of the weights and the products; what the device is known to be quick in is tried first, and fp16 on no CPU."""
ATTENTION = {name: {"model_init_kwargs": {"attn_implementation": name}} for name in ("sdpa", "eager")}
FLASH = {"flash_attention_2": {"model_init_kwargs": {"attn_implementation": "flash_attention_2"}}}
KERNELS = {"": {}, "Liger kernels": {"use_liger_kernel": True}}
"""Both need CUDA. The first is tried where flash-attn is there, which is published as source alone and takes an hour to
build; without it the try fails, and that is told. The other's package is part of the environment."""
CHECKPOINTING = {"": {}, "activations recomputed": {"activation_checkpointing": True}}
PADDING = {"": {}, "padded to multiples of 8": {"pad_to_multiple_of": 8}}
"""On a CPU a product of a shape that was seen before is quicker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """Settings that were tried, and how quick they were."""

    choices: tuple[str, ...]
    """What was chosen along each axis."""
    sft: dict[str, Any]
    regroups: bool
    """Whether steps hold other rows than ours."""
    speeds: tuple[float, ...] = ()
    """Examples per second of each try; one that failed has 0."""
    token_speeds: tuple[float, ...] = ()
    """The same in real tokens, by which the quickest are chosen."""
    seconds: float | None = None
    """Of the last try, loading included; None where it failed."""
    peak_rss_mb: int | None = None
    problems: tuple[str, ...] = field(default=())

    @property
    def speed(self) -> float:
        """Real tokens a second, the middle of all tries."""
        return median(self.token_speeds) if self.token_speeds else 0.0


Run = Callable[[dict[str, Any], float], dict[str, Any]]
"""Trains with settings for at most so many seconds; raises RuntimeError where that fails or takes longer."""


def search(facts: Mapping[str, Any], run: Run, steps: int, *, cuda: bool = False) -> list[Tried]:
    """All that was tried, the quickest first."""
    steps = min(steps, STEPS_ON_GPU if cuda else STEPS)
    found: list[Tried] = []
    best = Tried(choices=(), sft=dict(ALWAYS), regroups=False)
    for options in axes(facts, cuda=cuda):
        here = [best] if found else []  # the first option of a later axis is what is there already
        for name, sft in list(options.items())[len(here) :]:
            asked = _chosen(best, name, sft)
            here.append(_tried(asked, run, steps, limit_s=_limit(found)))
            found.append(here[-1])
        best = max(here, key=lambda one: one.speed)
    finalists = sorted(found, key=lambda one: -one.speed)[:FINALISTS]
    others = [one for one in found if one not in finalists]
    for _ in range(REPEATS):
        finalists = [_tried(one, run, steps, limit_s=_limit(found)) for one in finalists]
    return [*sorted(finalists, key=lambda one: -one.speed), *sorted(others, key=lambda one: -one.speed)]


def axes(facts: Mapping[str, Any], *, cuda: bool = False) -> list[dict[str, dict[str, Any]]]:
    """Axis by axis the options; but for those of the first, the first option changes nothing.

    Packs hold as many rows on average as a step has, so that a step learns from as much.
    """
    batch = facts["batch"]
    step_tokens = sum(facts["tokens"]) / len(facts["tokens"])
    pack = max(facts["longest"], min(round(step_tokens), 512))
    packs = max(1, round(step_tokens / pack))

    def cut(parts: int) -> dict[str, Any]:
        return {"per_device_train_batch_size": batch // parts, "gradient_accumulation_steps": parts}

    grouped = {"train_sampling_strategy": "group_by_length"}
    steps = {
        "": {},
        **{f"{batch // parts} rows x {parts}": cut(parts) for parts in (2, 4)},
        **{f"{batch // parts} rows x {parts}, grouped by length": cut(parts) | grouped for parts in (1, 2)},
        f"{packs} packs (bfd) of {pack} tokens": {
            "per_device_train_batch_size": packs, "packing": True, "max_length": pack, "max_steps": -1,
            "num_train_epochs": 1,
        },
    }  # fmt: skip
    first = facts["precision"]
    formats = {first: FORMATS[first], **FORMATS}
    if not cuda and first != "fp16":
        del formats["fp16"]
    on_gpu = [KERNELS] if cuda else []
    return [formats, ATTENTION | FLASH if cuda else ATTENTION, *on_gpu, CHECKPOINTING, PADDING, steps]


def _chosen(best: Tried, name: str, sft: Mapping[str, Any]) -> Tried:
    """What is best so far, with one more choice."""
    merged = {**best.sft, **sft}
    loading = {**best.sft.get("model_init_kwargs", {}), **sft.get("model_init_kwargs", {})}
    regroups = bool({"packing", "train_sampling_strategy"} & set(sft))
    return Tried(
        choices=(*best.choices, name), sft={**merged, "model_init_kwargs": loading}, regroups=regroups
    )


def _limit(found: Sequence[Tried]) -> float:
    seconds = [one.seconds for one in found if one.seconds is not None]
    return min(PATIENCE * min(seconds), LONGEST_RUN_S) if seconds else LONGEST_RUN_S


def _tried(asked: Tried, run: Run, steps: int, *, limit_s: float) -> Tried:
    """The same after one more try."""
    print(f"  searching: {', '.join(asked.choices)}", flush=True)
    try:
        done = run({"steps": steps, "sft": asked.sft}, limit_s)
    except RuntimeError as problem:
        return replace(
            asked,
            speeds=(*asked.speeds, 0.0),
            token_speeds=(*asked.token_speeds, 0.0),
            problems=(*asked.problems, str(problem)),
        )
    return replace(
        asked,
        speeds=(*asked.speeds, done["examples_per_s"]),
        token_speeds=(*asked.token_speeds, done["tokens_per_s"]),
        seconds=done["process_seconds"],
        peak_rss_mb=max(asked.peak_rss_mb or 0, done["peak_rss_mb"]),
    )
