"""Speed of answering against one prompt at a time, in interleaved runs of fresh processes.

The models are Llamas of 42 and 135 million parameters with random weights in bf16 (fp32 where the device has no fast
bf16) and a LoRA adapter r=16 on all linear layers; the prompts are rows of a symptom table, the labels its 41 diseases
with their closing token (Llama 2 tokenizer).

Labels: `ours` scores all labels of every prompt, `ours-best` only as many as it takes to find the choice
(`evaluation.score_choices: best`). `generate` writes 20 tokens after one prompt at a time, through
transformers and PEFT with the adapter beside the weights, as a reader would; a random model does not end its answers,
so `generate-label` writes only as many tokens as the right label has, as a tuned model would.

Labels, tuned: the same with an adapter that was trained on the prompts until their labels are about as likely as those
of the demo's tuned model. `generate` ends where that model ends its answer.

Writing: 64 prompts, up to 64 tokens; every 40th token of the vocabulary ends an answer, so that rows end early and
at different steps. `ours` against `generate`, one prompt at a time and all 64 at once (padded on the left), by the time
for a token written: in bf16 two ways part at near ties, and then end at different steps.

In fp32 the adapter is merged into the weights on every side, because it changes nothing but rounding; in 16 bits it
stays beside them on every side.

No ratio is given unless, in fp32, our scores choose the labels that full rows choose, one for each label, and our
answers are those of `generate`, token by token. The harness has a ratio where it scores the same labels of the same
prompts and chooses the same. How far bf16 goes its own way is counted.
"""

from __future__ import annotations

import argparse
import json
import operator
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import roof
from answering.bases import best_dtype, ours, prepare, questions_of, theirs
from answering.ways import NEW_TOKENS, full_rows, one_by_one, score_labels, search_labels, together, write
from peers.environments import make_all
from peers.rounds import LONGEST_RUN_S, how_it_ended, profile_of, run_round, shortened, without_folders
from peers.sides.asked_for import digest_of
from peers.sides.peak_memory import own_peak_mb
from peers.workloads import MODELS
from time_shares import time_shares

NAMES = ("llama-42m", "llama-135m")
ARCHITECTURE = "llama"
"""Of every base that can be asked for: one is built from the sizes of its configuration alone."""
HARNESS = Path(__file__).parent / "peers" / "sides" / "score_lm_eval.py"
HARNESS_ROWS = (1, 64)
"""Rows that lm-evaluation-harness reads at a time: its default, and as many as serve it well here."""
OURS = ("ours", "ours-best")
"""Without them there is nothing to tell; a peer that fails is left out and told."""
LABEL_TOKENS = 20
GATE_PROMPTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What every side does."""

    kind: str
    """`labels` or `writing`."""
    sides: tuple[str, ...]
    """Ours and transformers'; lm-evaluation-harness joins them for labels."""
    folder: str = "."
    """Where its model and questions lie below the prepared folder."""
    at_once: int
    """Tokens in one product: of prompts and labels read together, or of as many answers as are written at a time."""


WORKS = {
    "labels": Work(kind="labels", sides=("ours", "ours-best", "generate", "generate-label"), at_once=2048),
    "labels_tuned": Work(
        kind="labels", sides=("ours", "ours-best", "generate"), folder="tuned", at_once=2048
    ),
    "writing": Work(kind="writing", sides=("ours", "generate", "generate-64"), at_once=64),
}


def measure(
    data: Path,
    keep: Callable[[dict[str, Any]], None] = lambda _: None,
    *,
    rounds: int,
    prompts: int = 64,
    names: Sequence[str] = NAMES,
) -> dict[str, Any]:
    """By model and work: seconds of every side, how many times as fast ours is, the tokens and peak memory of each.

    lm-evaluation-harness scores the labels too, in an environment of its own, `lm-eval-1` with one row at a time.
    After each model `keep` gets what is found until then.
    """
    made = make_all(["lm_eval"], cuda=False)["lm_eval"]
    others = {}
    if "problem" not in made:
        others = {f"lm-eval-{rows}": [made["python"], str(HARNESS), str(rows)] for rows in HARNESS_ROWS}
    found: dict[str, Any] = {}
    not_run = {"lm-eval": made["problem"]} if "problem" in made else {}
    for name in names:
        found[name] = _measured(data, name, rounds=rounds, prompts=prompts, others=others)
        keep({"models": found, "not_run": not_run})
    return {"models": found, "not_run": not_run}


def _measured(
    data: Path, name: str, *, rounds: int, prompts: int, others: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    found: dict[str, Any] = {"prompts": prompts}
    with tempfile.TemporaryDirectory() as scratch:
        prepare(Path(scratch), data, name, prompts)
        gates: dict[str, dict[str, Any]] = {}
        for title, work in WORKS.items():
            folder = Path(scratch) / work.folder
            questions = questions_of(folder)
            if work.folder not in gates:
                gates[work.folder] = _gate(folder, others)
            found |= {
                "different_prompts": len(set(map(tuple, questions["prompts"]))),
                "read": _read(questions),
                "gate": {folder: gate["ours"] for folder, gate in gates.items()},
            }
            found[title] = _work_measured(
                name, work, folder, gates[work.folder], rounds=rounds, others=others, read=found["read"]
            )
            if "tuning" in questions:
                found[title]["tuning"] = questions["tuning"]
    return found


def _work_measured(
    name: str,
    work: Work,
    folder: Path,
    gate: Mapping[str, Any],
    *,
    rounds: int,
    others: Mapping[str, Sequence[str]],
    read: Mapping[str, float],
) -> dict[str, Any]:
    own, questions = [sys.executable, __file__], questions_of(folder)
    commands: dict[str, Sequence[str]] = {side: [*own, work.kind, side] for side in work.sides}
    commands |= dict(others) if work.kind == "labels" else {}
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in commands}
    not_run: dict[str, str] = {}
    roofs: list[dict[str, Any]] = []

    def run(side: str) -> dict[str, Any]:
        print(f"  {name}, {work.kind} in {work.folder}, round {len(roofs)}: {side}", flush=True)
        return _last_line([*commands[side], str(folder)])

    for number in range(rounds):
        roofs.append(
            roof.measure_anew(MODELS / f"{name}.json", tokens=work.at_once, precision=questions["precision"])
        )
        run_round(number, runs, run, ours=OURS, not_run=not_run)
    by_token, agreed = work.kind == "writing", gate["ours"][work.kind]
    compared = _compared(runs, agreed=agreed, by_token=by_token, refused=gate["wrong"])
    if "ours-best" in runs:
        best = _compared(
            runs, agreed=gate["ours"]["best"], by_token=by_token, refused=gate["wrong"], ours="ours-best"
        )
        compared["best"] = {key: best[key] for key in ("ratio", "spread", "refused", "reason") if key in best}
        compared["best"]["labels_read"] = runs["ours-best"][0]["labels_read"]
    return {
        **compared,
        "not_run": not_run,
        **profile_of(lambda: _last_line([*own, work.kind, "profile", str(folder)])),
        "roofs": roofs,
        "share_of_roof": _share(work.kind, questions, read, runs["ours"], roofs),
    }


def _gate(folder: Path, others: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """`ours`: what `gate` says of us; `wrong`: the peers that choose other labels."""
    found = _last_line([sys.executable, __file__, "gate", "-", str(folder)])
    return {"ours": found, "wrong": _wrong_decisions(folder, found["decisions"], others)}


def _wrong_decisions(
    folder: Path, decisions: Sequence[int], others: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The peers that fail, score other labels, or do not choose in fp32 what full rows choose; what they do instead."""
    few = folder / "gate"
    few.mkdir()
    for part in ("base", "adapter", "merged"):
        if (folder / part).is_dir():
            (few / part).symlink_to(folder / part)
    questions = questions_of(folder)
    questions |= {"prompts": questions["prompts"][:GATE_PROMPTS], "dtype": "float32"}
    (few / "questions.json").write_text(json.dumps(questions), encoding="utf-8")
    pairs = [(prompt, label) for prompt in questions["prompts"] for label in questions["labels"]]
    wrong = {}
    for side, command in others.items():
        try:
            theirs = _last_line([*command, str(few)])
        except RuntimeError as problem:
            wrong[side] = f"when its choices in fp32 were asked for, {shortened(str(problem))}"
            continue
        if theirs["asked"] != digest_of(pairs) or theirs["scored"] != len(pairs):
            wrong[side] = "it did not score the same labels of the same prompts"
        elif different := sum(map(operator.ne, theirs["decisions"], decisions)):
            wrong[side] = f"in fp32 it chooses other labels for {different} of {len(decisions)} prompts"
    return wrong


def _read(questions: dict[str, Any]) -> dict[str, float]:
    """Tokens that our scoring of the labels reads for a prompt, and tokens of all rows of prompt and label."""
    from medadapt.predictions.token_trie import build_trie

    prompt = sum(map(len, questions["prompts"])) / len(questions["prompts"])
    labels = questions["labels"]
    return {
        "labels": len(labels),
        "prompt": prompt,
        "nodes": len(build_trie(labels)) - 1,
        "rows": sum(prompt + len(label) - 1 for label in labels),
    }


def _share(
    work: str,
    questions: Mapping[str, Any],
    read: Mapping[str, float],
    runs: Sequence[Mapping[str, Any]],
    roofs: Sequence[Mapping[str, Any]],
) -> float:
    """What the products that our side cannot do without make up of the best rate of matrix products of such a size.

    Every token read passes the layers once, two operations a weight; the head is asked at the end of each prompt, at
    each node of the labels' tree, and for each token written.
    """
    frozen, head = questions["sizes"]["frozen"], questions["sizes"]["head"]
    if work == "labels":
        tokens, asked = read["prompt"] + read["nodes"], 1 + read["nodes"]
        needed = 2 * len(questions["prompts"]) * (frozen * tokens + head * asked)
    else:
        written = median(run["tokens"] for run in runs)
        needed = 2 * (frozen * (len(questions["prompts"]) * read["prompt"] + written) + head * written)
    return needed / median(run["seconds"] for run in runs) / max(one["flops"] for one in roofs)


def _compared(
    runs: Mapping[str, list[dict[str, Any]]],
    *,
    agreed: bool,
    by_token: bool,
    refused: Mapping[str, str],
    ours: str = "ours",
) -> dict[str, Any]:
    """Medians, and ratios to `ours`; `by_token` compares the time for a token, where sides may write more or fewer.

    A side in `refused` has no ratio.
    """
    seconds = {side: median(run["seconds"] for run in some) for side, some in runs.items()}
    decided = runs[ours][0]["decisions"]
    facts = {
        "seconds": seconds,
        "runs": {side: [round(run["seconds"], 3) for run in some] for side, some in runs.items()},
        "tokens_per_s": {
            side: round(some[0]["tokens"] / seconds[side])
            for side, some in runs.items()
            if "tokens" in some[0]
        },
        "peak_rss_mb": {side: max(run["peak_rss_mb"] for run in some) for side, some in runs.items()},
        "same_as_ours": {
            side: sum(map(operator.eq, decided, some[0]["decisions"])) / len(decided)
            for side, some in runs.items()
            if side != ours and some[0].get("decisions")
        },
    }
    if not agreed:
        return {**facts, "ratio": None, "reason": "in fp32 our answers are not those of the plain way"}
    cost = {
        side: [run["seconds"] / (run["tokens"] if by_token else 1) for run in some]
        for side, some in runs.items()
    }
    others = [side for side in runs if side != ours and side not in refused]
    of_rounds = {
        side: [theirs / own for theirs, own in zip(cost[side], cost[ours], strict=True)] for side in others
    }
    return {
        **facts,
        "ratio": {side: median(cost[side]) / median(cost[ours]) for side in others},
        "spread": {side: [min(ratios), max(ratios)] for side, ratios in of_rounds.items()},
        "refused": {side: reason for side, reason in refused.items() if side in runs},
    }


def gate(folder: Path) -> dict[str, Any]:
    """Whether our decisions and answers are those of the plain way, in fp32, for the first prompts; its decisions."""
    import torch

    questions = questions_of(folder)
    questions["prompts"] = questions["prompts"][:GATE_PROMPTS]
    base, model = ours(folder, torch.float32), theirs(folder, torch.float32)
    limits = [NEW_TOKENS] * len(questions["prompts"])
    plain = one_by_one(model, questions["prompts"], limits, questions["closing"])
    decisions = full_rows(model, questions)
    return {
        "labels": score_labels(base, questions) == decisions,
        "best": search_labels(base, questions)[0] == decisions,
        "writing": write(base, questions) == plain,
        "decisions": decisions,
    }


def work(folder: Path, kind: str, side: str) -> dict[str, Any]:
    """One measurement: seconds, tokens read and written, and what was decided or written."""
    questions = questions_of(folder)
    prompts, labels, closing = questions["prompts"], questions["labels"], questions["closing"]
    read = sum(map(len, prompts))
    few = {**questions, "prompts": prompts[:2]}
    if side in {"ours", "ours-best", "profile"}:
        base = ours(folder, best_dtype())
        run: Callable[[Any, dict[str, Any]], Any] = score_labels if kind == "labels" else write
        run = search_labels if side == "ours-best" else run
        run(base, few)
        if side == "profile":
            return {"shares": time_shares(lambda: run(base, questions))}
        started = time.perf_counter()
        found = run(base, questions)
        seconds = time.perf_counter() - started
        if side == "ours-best":
            return {"seconds": seconds, "decisions": found[0], "labels_read": found[1]}
        if kind == "labels":
            # As many tokens as are asked about, however they are read.
            tokens = read + len(prompts) * sum(map(len, labels))
            return {"seconds": seconds, "tokens": tokens, "decisions": found}
        return {"seconds": seconds, "tokens": sum(map(len, found)), "decisions": found}
    model = theirs(folder, best_dtype())
    if side == "generate-64":
        together(model, prompts[:2], closing)
        started = time.perf_counter()
        written = together(model, prompts, closing)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "tokens": sum(map(len, written)), "decisions": written}
    if kind == "writing":
        limits = [NEW_TOKENS] * len(prompts)
    elif side == "generate":
        limits = [LABEL_TOKENS] * len(prompts)
    else:
        limits = [len(labels[right]) for right in questions["right"]]
    ending = closing if kind == "writing" else [labels[0][-1]]
    one_by_one(model, prompts[:2], [4, 4], ending)
    started = time.perf_counter()
    written = one_by_one(model, prompts, limits, ending)
    seconds = time.perf_counter() - started
    if kind == "writing":
        return {"seconds": seconds, "tokens": sum(map(len, written)), "decisions": written}
    found = {"seconds": seconds, "tokens": read + sum(map(len, written))}
    if "tuning" not in questions:
        return found
    # Written labels are told apart by their tokens; what is none of them is number -1.
    places = {tuple(label[:-1]): number for number, label in enumerate(labels)}
    return {**found, "decisions": [places.get(tuple(answer), -1) for answer in written]}


def _last_line(command: Sequence[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST_RUN_S)
    except subprocess.TimeoutExpired as problem:
        raise RuntimeError(f"given up after {LONGEST_RUN_S} s") from problem
    if done.returncode:
        said = without_folders(done.stderr).strip()[-3000:]
        raise RuntimeError(f"it {how_it_ended(done.returncode)}:\n{said}")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=("measure", "gate", "labels", "writing"))
    parser.add_argument("side", help="of one measurement; of `measure` the rounds")
    parser.add_argument("folder", type=Path, help="of `measure` the folder of the data sets")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--models", nargs="+", default=NAMES)
    asked = parser.parse_args()
    if asked.work == "measure":
        print(
            json.dumps(
                measure(asked.folder, rounds=int(asked.side), prompts=asked.prompts, names=asked.models),
                indent=1,
            )
        )
        return
    found = gate(asked.folder) if asked.work == "gate" else work(asked.folder, asked.work, asked.side)
    print("\n" + json.dumps({**found, "peak_rss_mb": own_peak_mb()}))


if __name__ == "__main__":
    _main()
