"""Speed of answering against one prompt at a time, in interleaved runs of fresh processes.

The models are Llamas of 42 and 135 million parameters with random weights in bf16 (fp32 where the device has no fast
bf16) and a LoRA adapter r=16 on all linear layers; the prompts are rows of a symptom table, the labels its 41 diseases
with their closing token (Llama 2 tokenizer).

Labels: `ours` scores all labels of every prompt. `generate` writes 20 tokens after one prompt at a time, through
transformers and PEFT with the adapter beside the weights, as a reader would; a random model does not end its answers,
so `generate-label` writes only as many tokens as the right label has, as a tuned model would.

Writing: 64 prompts, up to 64 tokens; every 40th token of the vocabulary ends an answer, so that rows end early and
at different steps. `ours` against `generate`, one prompt at a time and all 64 at once (padded on the left), by the time
for a token written: in bf16 two ways part at near ties, and then end at different steps.

In fp32 the adapter is merged into the weights on every side, because it changes nothing but rounding; in 16 bits it
stays beside them on every side.

No ratio is given unless, in fp32, our scores choose the labels that full rows choose, one for each label, as those of
the harness must for its own ratio, and our answers are those of `generate`, token by token. How far bf16 goes its own
way is counted.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import roof
from peers.environments import make_all
from peers.sides.peak_memory import own_peak_mb
from peers.workloads import MODELS, precision, symptom_rows
from time_shares import time_shares, told

NAMES = ("llama-42m", "llama-135m")
HARNESS = Path(__file__).parent / "peers" / "sides" / "score_lm_eval.py"
HARNESS_ROWS = (1, 64)
"""Rows that lm-evaluation-harness reads at a time: its default, and as many as serve it well here."""
LABEL_TOKENS, NEW_TOKENS, ENDING = 20, 64, 40
GATE_PROMPTS = 8
BUDGET = 8192
AT_ONCE = {"labels": 2048, "writing": 64}
"""Tokens in one product: of prompts and labels read together, and of as many answers as are written at a time."""
SIDES = {"labels": ("ours", "generate", "generate-label"), "writing": ("ours", "generate", "generate-64")}
TOGETHER = 64
"""Prompts that `generate-64` is given at a time."""


def measure(data: Path, *, rounds: int, prompts: int = 64, names: Sequence[str] = NAMES) -> dict[str, Any]:
    """By model and work: seconds of every side, how many times as fast ours is, the tokens and peak memory of each.

    lm-evaluation-harness scores the labels too, in an environment of its own, `lm-eval-1` with one row at a time.
    """
    made = make_all(["lm_eval"], cuda=False)["lm_eval"]
    others = {}
    if "problem" not in made:
        others = {f"lm-eval-{rows}": [made["python"], str(HARNESS), str(rows)] for rows in HARNESS_ROWS}
    found: dict[str, Any] = {
        name: _measured(data, name, rounds=rounds, prompts=prompts, others=others) for name in names
    }
    return {"models": found, "not_run": {"lm-eval": made["problem"]} if "problem" in made else {}}


def _measured(
    data: Path, name: str, *, rounds: int, prompts: int, others: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(folder, data, name, prompts)
        own = [sys.executable, __file__]
        gate = _last_line([*own, "gate", "-", str(folder)])
        questions = _questions(folder)
        wrong = _wrong_decisions(folder, gate["decisions"], others)
        found: dict[str, Any] = {
            "prompts": prompts,
            "different_prompts": len(set(map(tuple, questions["prompts"]))),
            "gate": gate,
            "read": _read(questions),
        }
        for work in ("labels", "writing"):
            commands: dict[str, Sequence[str]] = {side: [*own, work, side] for side in SIDES[work]}
            commands |= dict(others) if work == "labels" else {}
            runs: dict[str, list[dict[str, Any]]] = {side: [] for side in commands}
            roofs = []
            for number in range(rounds):
                roofs.append(
                    roof.measure_anew(
                        MODELS / f"{name}.json", tokens=AT_ONCE[work], precision=questions["precision"]
                    )
                )
                # Another side comes first in each round: what came before may have warmed the machine up, or down.
                turn = number % len(commands)
                for side in [*list(commands)[turn:], *list(commands)[:turn]]:
                    print(f"  {name}, {work}, round {number + 1}: {side}", flush=True)
                    runs[side].append(_last_line([*commands[side], str(folder)]))
            profile = _last_line([*own, work, "profile", str(folder)])["shares"]
            found[work] = {
                **_compared(runs, agreed=gate[work], by_token=work == "writing", refused=wrong),
                "profile": profile,
                "roofs": roofs,
                "share_of_roof": _share(work, questions, found["read"], runs["ours"], roofs),
            }
    return found


def _wrong_decisions(
    folder: Path, decisions: Sequence[int], others: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """The peers that do not choose the labels which full rows choose in fp32, and what they do instead."""
    few = folder / "gate"
    few.mkdir()
    for part in ("base", "adapter", "merged"):
        if (folder / part).is_dir():
            (few / part).symlink_to(folder / part)
    questions = _questions(folder)
    questions |= {"prompts": questions["prompts"][:GATE_PROMPTS], "dtype": "float32"}
    (few / "questions.json").write_text(json.dumps(questions), encoding="utf-8")
    wrong = {}
    for side, command in others.items():
        theirs = _last_line([*command, str(few)])["decisions"]
        if same := sum(one != other for one, other in zip(theirs, decisions, strict=True)):
            wrong[side] = f"in fp32 it chooses other labels for {same} of {len(decisions)} prompts"
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
    """What the products that our side cannot do without make up of the best measured rate of matrix products.

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
    runs: Mapping[str, list[dict[str, Any]]], *, agreed: bool, by_token: bool, refused: Mapping[str, str]
) -> dict[str, Any]:
    """Medians and ratios; `by_token` compares the time for a token, where sides may write more or fewer of them.

    A side in `refused` has no ratio.
    """
    seconds = {side: median(run["seconds"] for run in some) for side, some in runs.items()}
    ours = runs["ours"][0]["decisions"]
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
            side: sum(one == other for one, other in zip(ours, some[0]["decisions"], strict=True)) / len(ours)
            for side, some in runs.items()
            if side != "ours" and some[0].get("decisions")
        },
    }
    if not agreed:
        return {**facts, "ratio": None, "reason": "in fp32 our answers are not those of the plain way"}
    cost = {
        side: [run["seconds"] / (run["tokens"] if by_token else 1) for run in some]
        for side, some in runs.items()
    }
    others = [side for side in runs if side != "ours" and side not in refused]
    of_rounds = {
        side: [theirs / ours for theirs, ours in zip(cost[side], cost["ours"], strict=True)]
        for side in others
    }
    return {
        **facts,
        "ratio": {side: median(cost[side]) / median(cost["ours"]) for side in others},
        "spread": {side: [min(ratios), max(ratios)] for side, ratios in of_rounds.items()},
        "refused": {side: reason for side, reason in refused.items() if side in runs},
    }


def prepare(folder: Path, data: Path, name: str, prompts: int) -> None:
    """Write the model in `base`, its adapter in `adapter`, and `questions.json`.

    In it stand `prompts` and `labels` as lists of tokens (labels end with the closing token), `right`, the number of
    each prompt's label, `closing`, the tokens that end a written answer, and `dtype`, the number format.
    """
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from medadapt.core.recipe import LoraSection
    from medadapt.models.adapter import new_adapter, save_config, save_weights
    from medadapt.models.lora import adapter_tensors, lora_layers

    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "llama2")
    torch.manual_seed(0)
    # Wider weights than usual: the same work, and answers that do not repeat one token for ever.
    shape = json.loads((MODELS / f"{name}.json").read_text(encoding="utf-8"))
    config = LlamaConfig(**shape | {"vocab_size": len(tokenizer), "initializer_range": 0.08})
    model = LlamaForCausalLM(config)
    model.to(torch.bfloat16).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    base = _base(folder, torch.float32)
    head = model.get_output_embeddings().weight.numel()
    frozen = sum(part.weight.numel() for part in model.modules() if type(part) is torch.nn.Linear) - head
    lora = LoraSection()
    layers = new_adapter(base, lora, seed=0)
    for _, layer in lora_layers(base.model):
        torch.nn.init.normal_(layer.lora_B, std=0.01)
    save_config(base, lora, layers, folder / "adapter")
    save_weights(dict(adapter_tensors(base.model)), folder / "adapter")
    if _precision() is torch.float32:
        _merged(folder, torch.float32).save_pretrained(folder / "merged")
        tokenizer.save_pretrained(folder / "merged")
    rows = symptom_rows(data)
    labels = sorted({label for _, label in rows})  # each with the space before it
    # No prompt twice: the harness reads equal requests once.
    different = list(dict.fromkeys(rows))
    if len(different) < prompts:
        raise ValueError(f"the table has {len(different)} different prompts, fewer than {prompts}")
    chosen = [different[place * len(different) // prompts] for place in range(prompts)]
    questions = {
        "prompts": [tokenizer(prompt)["input_ids"] for prompt, _ in chosen],
        "labels": [
            [*tokenizer(label, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            for label in labels
        ],
        "right": [labels.index(label) for _, label in chosen],
        "closing": list(range(0, len(tokenizer), ENDING)),
        "dtype": str(_precision()).removeprefix("torch."),
        "precision": precision(),
        "sizes": {"frozen": frozen, "head": head},
    }
    (folder / "questions.json").write_text(json.dumps(questions), encoding="utf-8")


def _base(folder: Path, dtype: Any) -> Any:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from medadapt.models.device import pick_device
    from medadapt.models.loading import LoadedBase

    device = pick_device("auto")
    model = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype).to(device).eval()
    model.requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(folder / "base")
    facts = {"quantization": {"asked": "none", "got": "none"}}
    return LoadedBase(
        model=model, tokenizer=tokenizer, device=device, dtype=dtype, sha256="", name="base", facts=facts
    )


def _ours(folder: Path, dtype: Any) -> Any:
    from medadapt.models.adapter import load_adapter
    from medadapt.models.merging import merge_where_exact

    base = load_adapter(_base(folder, dtype), folder / "adapter")
    merge_where_exact(base)
    return base


def _theirs(folder: Path, dtype: Any) -> Any:
    """Through transformers and PEFT; merged where `folder` holds the merged model."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from medadapt.models.device import pick_device

    if (folder / "merged").is_dir():
        merged = AutoModelForCausalLM.from_pretrained(folder / "merged", dtype=dtype)
        return merged.to(pick_device("auto")).eval()
    plain = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype).to(pick_device("auto"))
    return PeftModel.from_pretrained(plain, folder / "adapter").eval()


def _merged(folder: Path, dtype: Any) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype)
    return PeftModel.from_pretrained(plain, folder / "adapter").merge_and_unload()


def _precision() -> Any:
    from medadapt.models.device import pick_device, resolve_dtype

    return resolve_dtype("auto", pick_device("auto"))


def score_labels(base: Any, questions: dict[str, Any]) -> list[int]:
    """For each prompt the number of the label whose completion is the likeliest."""
    import torch

    from medadapt.predictions.batching import TokenBudget
    from medadapt.predictions.scoring import continuation_scores

    prompts, labels = questions["prompts"], questions["labels"]
    with torch.no_grad():
        found = continuation_scores(base, prompts, [labels] * len(prompts), budget=TokenBudget(BUDGET))
    return [max(range(len(labels)), key=scores.__getitem__) for scores in found]


def write(base: Any, questions: dict[str, Any]) -> list[list[int]]:
    """Our greedy answers in tokens."""
    from medadapt.predictions.generation import generate

    return generate(
        base,
        questions["prompts"],
        max_new_tokens=NEW_TOKENS,
        closing_ids=frozenset(questions["closing"]),
        batch_tokens=2 * BUDGET,
    )


def one_by_one(
    model: Any, prompts: Sequence[list[int]], limits: Sequence[int], closing: Sequence[int]
) -> list[list[int]]:
    """What transformers' `generate` writes after one prompt at a time, without the closing token."""
    import torch

    answers = []
    for prompt, most in zip(prompts, limits, strict=True):
        tokens = torch.tensor([prompt], device=next(model.parameters()).device)
        with torch.no_grad():
            written = model.generate(
                input_ids=tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=most, do_sample=False,
                eos_token_id=list(closing), pad_token_id=0,
            )  # fmt: skip
        answer = written[0, len(prompt) :].tolist()
        answers.append(answer[:-1] if answer and answer[-1] in closing else answer)
    return answers


def together(model: Any, prompts: Sequence[list[int]], closing: Sequence[int]) -> list[list[int]]:
    """What `generate` writes after all prompts at once, padded on the left, without the closing tokens."""
    import torch

    device = next(model.parameters()).device
    answers = []
    for start in range(0, len(prompts), TOGETHER):
        some = prompts[start : start + TOGETHER]
        width = max(map(len, some))
        tokens = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in some], device=device)
        seen = torch.tensor(
            [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in some], device=device
        )
        with torch.no_grad():
            written = model.generate(
                input_ids=tokens, attention_mask=seen, max_new_tokens=NEW_TOKENS, do_sample=False,
                eos_token_id=list(closing), pad_token_id=closing[0],
            )  # fmt: skip
        for row in written[:, width:].tolist():
            ends = [place for place, token in enumerate(row) if token in set(closing)]
            answers.append(row[: ends[0]] if ends else row)
    return answers


def _full_rows(model: Any, questions: dict[str, Any]) -> list[int]:
    """For each prompt the number of its likeliest label, from a row of its own for every label."""
    import torch

    decisions = []
    for prompt in questions["prompts"]:
        scores = []
        for label in questions["labels"]:
            row = torch.tensor([[*prompt, *label]], device=next(model.parameters()).device)
            with torch.no_grad():
                logprobs = torch.log_softmax(model(input_ids=row).logits[0, len(prompt) - 1 : -1].float(), -1)
            scores.append(math.fsum(logprobs[place, token].item() for place, token in enumerate(label)))
        decisions.append(max(range(len(scores)), key=scores.__getitem__))
    return decisions


def gate(folder: Path) -> dict[str, Any]:
    """Whether our decisions and answers are those of the plain way, in fp32, for the first prompts; its decisions."""
    import torch

    questions = _questions(folder)
    questions["prompts"] = questions["prompts"][:GATE_PROMPTS]
    base, model = _ours(folder, torch.float32), _theirs(folder, torch.float32)
    limits = [NEW_TOKENS] * len(questions["prompts"])
    plain = one_by_one(model, questions["prompts"], limits, questions["closing"])
    decisions = _full_rows(model, questions)
    return {
        "labels": score_labels(base, questions) == decisions,
        "writing": write(base, questions) == plain,
        "decisions": decisions,
    }


def work(folder: Path, kind: str, side: str) -> dict[str, Any]:
    """One measurement: seconds, tokens read and written, and what was decided or written."""
    questions = _questions(folder)
    prompts, labels, closing = questions["prompts"], questions["labels"], questions["closing"]
    read = sum(map(len, prompts))
    few = {**questions, "prompts": prompts[:2]}
    if side in {"ours", "profile"}:
        base = _ours(folder, _precision())
        run: Callable[[Any, dict[str, Any]], list[Any]] = score_labels if kind == "labels" else write
        run(base, few)
        if side == "profile":
            return {"shares": time_shares(lambda: run(base, questions))}
        started = time.perf_counter()
        found = run(base, questions)
        seconds = time.perf_counter() - started
        if kind == "labels":
            # As many tokens as are asked about, however they are read.
            tokens = read + len(prompts) * sum(map(len, labels))
            return {"seconds": seconds, "tokens": tokens, "decisions": found}
        return {"seconds": seconds, "tokens": sum(map(len, found)), "decisions": found}
    model = _theirs(folder, _precision())
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
    return {"seconds": seconds, "tokens": read + sum(map(len, written))}


def _questions(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "questions.json").read_text(encoding="utf-8")))


def _last_line(command: Sequence[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stderr[-3000:]}")
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
    yield (
        "In fp32 the adapter is merged into the weights on every side; in 16 bits it stays beside them.\n"
        if _is_current(found)
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
    names = ["model", "work", "side", "seconds", "times ours", "the same as ours", "peak memory MB"]
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    for name, one in found["models"].items():
        for work in ("labels", "writing"):
            both = one[work]
            for side, seconds in both["seconds"].items():
                ratio = "" if side == "ours" else "refused"
                if side != "ours" and both["ratio"] is not None:
                    ratio = _ratio(both, side)
                same = f"{both['same_as_ours'][side]:.0%}" if side in both["same_as_ours"] else ""
                # What earlier measurements told may be the memory of the process that started them.
                memory = str(both["peak_rss_mb"][side]) if "share_of_roof" in both else ""
                cells = [name, work, side, f"{seconds:.2f}", ratio, same, memory]
                lines.append(f"| {' | '.join(cells)} |")
    yield "\n".join(lines) + "\n"
    read = next(iter(found["models"].values()))["read"]
    yield (
        f"For a prompt of {read['prompt']:.0f} tokens, ours reads {read['nodes']} tokens more: the {read['labels']} "
        "labels where they differ, because the probability of each is wanted. A row for each label has "
        f"{read['rows']:.0f} tokens; `generate` reads {LABEL_TOKENS} beside the prompt, one at a time.\n"
    )
    for name, one in found["models"].items():
        for work in ("labels", "writing"):
            share = one[work].get("share_of_roof")
            of_roof = (
                "" if share is None else f"; of the roof at {AT_ONCE[work]} tokens it reaches {share:.0%}"
            )
            yield f"Where ours spends its time, {name}, {work} (profiled): {told(one[work]['profile'])}{of_roof}.\n"
    for side, problem in found["not_run"].items():
        yield f"{side}: not run, {' '.join(problem.split())[-300:]}\n"


def _is_current(found: Mapping[str, Any]) -> bool:
    """Whether it was measured as it is today."""
    return all("different_prompts" in one for one in found["models"].values())


def _ratio(both: Mapping[str, Any], side: str) -> str:
    if reason := both.get("refused", {}).get(side):
        return f"refused: {reason}"
    if "spread" not in both:
        return f"{both['ratio'][side]:.1f}"
    low, high = both["spread"][side]
    return f"{both['ratio'][side]:.1f} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    _main()
