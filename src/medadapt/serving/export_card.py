"""README.md of an exported model: what it is, how it must be asked, and how well it agrees. No text of records."""

from __future__ import annotations

from typing import Any

import yaml

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.report.front_matter import base_id
from medadapt.report.markdown import fenced, inline
from medadapt.serving.answering import NOTICE
from medadapt.serving.asking import Asking
from medadapt.serving.parity import Agreement, Parity
from medadapt.serving.targets import Run


def export_card(run: Run, asking: Asking, tokenizer: Any, parity: Parity, name: str) -> str:
    """The text of `README.md`. Every word that is not ours is escaped."""
    base = None if run.smoke else base_id(run.recipe.model.base)
    smoke = "**From a smoke run: it means nothing.** " if run.smoke else ""
    known = base or ("A tiny random base" if run.smoke else "A local base model")
    parts = [
        _front_matter(base),
        f"# {inline(name)}",
        f"> **{inline(NOTICE)}**",
        f"{smoke}{inline(known)} with an adapter merged into it, trained with MedAdapt (run "
        f"{inline(run.recipe.name)}). Whether the adapter helped stands in the report of that run.",
        "## How to use",
        "The model must be asked in the words it was trained on. A part that a question does not have, such as "
        "a type, falls away with its heading.",
        fenced(example_prompt(asking, tokenizer), "text"),
        fenced(_code(asking), "python"),
        "## Agreement with base + adapter",
        _agreement(parity),
        f"> **{inline(NOTICE)}**",
    ]
    return "\n\n".join(parts) + "\n"


def example_prompt(asking: Asking, tokenizer: Any) -> str:
    """The prompt with a word in braces wherever a text of the user goes."""
    record = Record(
        id="example",
        source_row=1,
        group="example",
        question="{question}",
        answer="",
        qtype="{type}",
        options=["{first option}", "{second option}"] if asking.task == "multiple_choice" else None,
    )
    return Encoder(tokenizer, asking.plan).prompt_text(record)


def _front_matter(base: str | None) -> str:
    matter: dict[str, Any] = {
        "library_name": "transformers",
        **({"base_model": base, "base_model_relation": "finetune"} if base else {}),
        "pipeline_tag": "text-generation",
        "tags": ["medadapt", "medical", "merged"],
    }
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, width=1000)}---"


def _code(asking: Asking) -> str:
    special = "" if not asking.plan.chat else ", add_special_tokens=False"
    return "\n".join(
        [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'folder = "path/to/this/folder"',
            "tokenizer = AutoTokenizer.from_pretrained(folder)",
            'model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")',
            'prompt = "..."  # as above',
            f'tokens = tokenizer(prompt, return_tensors="pt"{special})["input_ids"]',
            f"closing = tokenizer.convert_tokens_to_ids({asking.plan.closing!r})",
            "written = model.generate(tokens, do_sample=False, max_new_tokens=128, eos_token_id=closing)",
            "print(tokenizer.decode(written[0, tokens.shape[1]:], skip_special_tokens=True).strip())",
        ]
    )


def _agreement(parity: Parity) -> str:
    lines = [
        f"- Merged model against base + adapter, both in {parity.precision}: {_in_words(parity.adapter)}.",
        f"- What the adapter changes, for comparison: {_in_words(parity.effect)}.",
    ]
    if parity.measured is not None:
        held = "" if parity.quantization == "none" else f", made with the base in {parity.quantization}"
        lines.append(f"- Merged model against the run's own predictions{held}: {_in_words(parity.measured)}.")
    return "\n".join([*lines, *(f"- {inline(note)}" for note in parity.notes)])


def _in_words(found: Agreement) -> str:
    choices = "" if found.same_choices is None else f", {found.same_choices} of {found.n} choices the same"
    return (
        f"log-likelihoods of {found.n} test answers differ by at most {found.largest_difference:.3g} nats per "
        f"token (mean {found.mean_difference:.3g}){choices}"
    )
