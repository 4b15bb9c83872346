"""Training speed against TRL's SFTTrainer at its defaults, in interleaved runs of fresh processes.

The model is a Llama of 42 million parameters with random weights; the data are 1,000 rows of a symptom
table (about 35 tokens each with the Llama 2 tokenizer). Both sides train LoRA r=16 on all linear layers
with dropout 0.05 and 8 rows a step. TRL gets `use_cpu=True` where there is no GPU and nothing else
(`trl`); `trl-bf16` is what a careful user would set: bf16 weights and no activation checkpointing.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from timing import peak_mb

SIDES = ("native", "trl", "trl-bf16")
WARM_UP = 3
"""Steps that are not timed: the first ones allocate and pick kernels."""
ROWS = 1000
SHAPE = {
    "hidden_size": 512,
    "intermediate_size": 1376,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 8,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}
TEMPLATE = "Given these symptoms: {question}\n\nThe disease is:"


def measure(data: Path, *, steps: int, rounds: int) -> dict[str, Any]:
    """Examples per second of every side, and the ratios of their medians."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, data)
        found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
        for _ in range(rounds):
            for side in SIDES:
                found[side].append(_in_fresh_process(folder, side, steps))
    speed = {side: median(run["examples_per_s"] for run in runs) for side, runs in found.items()}
    return {
        "steps": steps,
        "rounds": rounds,
        "examples_per_s": speed,
        "runs": {side: [round(run["examples_per_s"], 2) for run in runs] for side, runs in found.items()},
        "ratio": {side: speed["native"] / speed[side] for side in SIDES if side != "native"},
        "losses": {side: runs[0]["losses"] for side, runs in found.items()},
        "peak_rss_mb": {side: max(run["peak_rss_mb"] for run in runs) for side, runs in found.items()},
        "tokens_per_example": found["native"][0]["tokens_per_example"],
    }


def prepare(folder: Path, data: Path) -> None:
    """Write a base model and a token set; both sides read these."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from medadapt.examples.encoding import EncodedPrompt, Encoder
    from medadapt.examples.masking import Example, mask
    from medadapt.examples.plan import EncodingPlan
    from medadapt.examples.templates import Wording
    from medadapt.examples.token_sets import write_token_set

    tokenizer = AutoTokenizer.from_pretrained(data / "tokenizers" / "llama2")
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SHAPE)).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    wording = Wording(template="symptoms", system=None, options=False, answer="text")
    plan = EncodingPlan(
        wording=wording, chat=False, max_length=512, prompt_limit=480, closing=tokenizer.eos_token, labels=()
    )
    encoder = Encoder(tokenizer, plan)

    def examples() -> Any:
        for number, (question, label) in enumerate(symptom_rows(data)):
            text = TEMPLATE.format(question=question)
            prompt = EncodedPrompt(text=text, tokens=tokenizer(text)["input_ids"], truncated=False)
            completion = encoder.completion(prompt, f" {label}", closed=True)
            tokens, labels, cut = mask(prompt.tokens, completion, 512)
            yield Example(id=f"row-{number}", input_ids=tokens, labels=labels, prompt=text, completion=f" {label}",
                          answer_cut=cut, prompt_cut=False)  # fmt: skip

    write_token_set(folder / "examples" / "train", examples())


def symptom_rows(data: Path) -> list[tuple[str, str]]:
    """(symptoms, disease) of 1,000 rows spread evenly over the table, repetitions included."""
    with (data / "symptom_disease" / "dataset.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    chosen = [rows[place * len(rows) // ROWS] for place in range(ROWS)]
    return [
        ("; ".join(cell.replace("_", " ").strip() for cell in row[1:6] if cell.strip()), row[0].strip())
        for row in chosen
    ]


def train_native(folder: Path, steps: int) -> dict[str, Any]:
    """Our engine, as a recipe with default settings runs it."""
    from medadapt.core.recipe import LoraSection, ModelSection, TrainingSection
    from medadapt.examples.token_sets import TokenSet
    from medadapt.models.adapter import new_adapter
    from medadapt.models.loading import load_base
    from medadapt.models.lora import adapter_tensors
    from medadapt.training.engine import Engine, TrainingState, train_steps
    from medadapt.training.memory import plan_memory
    from medadapt.training.optimizer import make_optimizer
    from medadapt.training.scaling import first_scale

    base = load_base(ModelSection(base=str(folder / "base")))
    new_adapter(base, LoraSection(), seed=0)
    training = TrainingSection()
    rows = TokenSet(folder / "examples" / "train")
    optimizer = make_optimizer(adapter_tensors(base.model), weight_decay=training.weight_decay)
    engine = Engine(
        model=base.model, optimizer=optimizer, training=training, rows=rows, seed=0, max_steps=steps
    )
    memory = plan_memory(
        base.model,
        training,
        longest=int(rows.lengths.max()),
        total_memory=base.facts["device"]["total_memory"],
    )
    state = TrainingState(memory=memory, scale=first_scale(base.facts["precision"]["got"]))
    losses: list[float] = []
    warnings: list[str] = []
    started = 0.0
    for result in train_steps(engine, state, note=warnings.append):
        losses.append(result.loss)
        if result.step == WARM_UP:
            started = time.perf_counter()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "losses": losses, "tokens_per_example": float(rows.lengths.mean())}


def train_trl(folder: Path, steps: int, *, tuned: bool) -> dict[str, Any]:
    """TRL's SFTTrainer on the same prompts and completions."""
    import torch
    from datasets import load_from_disk
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Watch(TrainerCallback):
        started = 0.0
        ended = 0.0

        def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            self.ended = time.perf_counter()
            if state.global_step == WARM_UP:
                self.started = self.ended

    careful = {"model_init_kwargs": {"dtype": "bfloat16"}, "activation_checkpointing": False} if tuned else {}
    watch = Watch()
    trainer = SFTTrainer(
        model=str(folder / "base"),
        args=SFTConfig(
            output_dir=str(folder / "trl"), use_cpu=not torch.cuda.is_available(), max_steps=steps,
            logging_steps=1, save_strategy="no", disable_tqdm=True, **careful,
        ),
        train_dataset=load_from_disk(str(folder / "examples" / "train")).select_columns(["prompt", "completion"]),
        peft_config=LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[watch],
    )  # fmt: skip
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"seconds": watch.ended - watch.started, "losses": losses}


def work(folder: Path, side: str, steps: int) -> None:
    """One measurement, in a process of its own; prints one JSON line."""
    found = (
        train_native(folder, steps)
        if side == "native"
        else train_trl(folder, steps, tuned=side == "trl-bf16")
    )
    found["examples_per_s"] = (steps - WARM_UP) * 8 / found.pop("seconds")
    found["losses"] = {"first": found["losses"][0], "last": found["losses"][-1]}
    found["peak_rss_mb"] = peak_mb(resource.getrusage(resource.RUSAGE_SELF))
    print("\n" + json.dumps(found))


def _in_fresh_process(folder: Path, side: str, steps: int) -> dict[str, Any]:
    command = [sys.executable, __file__, str(folder), side, str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{side} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
