"""How a stranger uses the adapter: code for plain PEFT, and the command. No text of the data."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from medadapt.core.records import Record
from medadapt.examples.templates import BODIES, Wording, render_prompt, render_turn, system_text
from medadapt.report.front_matter import base_id, base_name
from medadapt.report.inputs import ReportInputs
from medadapt.report.markdown import fenced, inline

DOTS = "..."
PACKED = {
    "nf4": 'load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True',
    "int8": "load_in_8bit=True",
}


def usage(inputs: ReportInputs) -> str:
    """Markdown: the command, the same with plain PEFT, and what the adapter fits."""
    digest = (inputs.metrics.get("protocol") or {}).get("base_sha256")
    fits = "The adapter fits only the base it was trained on" + (
        f" (sha256 {inline(str(digest))})." if digest else "."
    )
    return "\n\n".join(
        [
            "With MedAdapt, which asks exactly as in training:",
            fenced('medadapt ask path/to/this/adapter "your question"', "bash"),
            "With PEFT alone:",
            fenced("\n".join([*_load(inputs), *_ask(inputs.examples.get("plan") or {})]), "python"),
            fits,
        ]
    )


def _load(inputs: ReportInputs) -> list[str]:
    model = inputs.recipe.get("model") or {}
    base = base_id(base_name(inputs)) or "path/to/the/base"
    if inputs.run.get("smoke"):
        base = "path/to/this/run/0-base"
    packing = PACKED.get(str(model.get("quantization")))
    options = [json.dumps(base)]
    if model.get("revision"):
        options.append(f"revision={_quoted(str(model['revision']))}")
    if packing:
        options.append("quantization_config=BitsAndBytesConfig(" + packing + ")")
    names = ["AutoModelForCausalLM", "AutoTokenizer", *(["BitsAndBytesConfig"] if packing else [])]
    call = ", ".join(options) if len(options) == 1 else "\n    " + ",\n    ".join(options) + ",\n"
    return [
        "from peft import PeftModel",
        f"from transformers import {', '.join(names)}",
        "",
        'adapter = "path/to/this/adapter"',
        f"base = AutoModelForCausalLM.from_pretrained({call})",
        "model = PeftModel.from_pretrained(base, adapter)",
        "tokenizer = AutoTokenizer.from_pretrained(adapter)",
    ]


def _ask(plan: dict[str, Any]) -> list[str]:
    """The prompt in the words of the training with dots for the question, and its answer."""
    wording = _wording(plan.get("wording") or {})
    if wording is None:
        return []
    record = Record(
        id="",
        source_row=0,
        group="",
        question=DOTS,
        answer="",
        qtype=DOTS,
        options=[DOTS] * 4,
        answer_index=0,
    )
    if plan.get("chat"):
        said = [("system", system_text(record, wording))]
        said.append(("user", render_turn(record, wording, first=True, chat=True)))
        messages = ", ".join(
            f'{{"role": "{role}", "content": {_quoted(text)}}}' for role, text in said if text
        )
        asked = [
            f"messages = [{messages}]  # put your question where the dots are",
            "prompt = tokenizer.apply_chat_template(",
            '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True',
            ").to(model.device)",
        ]
    else:
        asked = [
            f"text = {_quoted(render_prompt(record, wording))}  # put your question where the dots are",
            'prompt = tokenizer(text, return_tensors="pt").to(model.device)',
        ]
    return [
        "",
        *asked,
        "answer = model.generate(**prompt, max_new_tokens=128, do_sample=False)",
        'print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))',
    ]


def _wording(stored: dict[str, Any]) -> Wording | None:
    """The wording of the plan, or None where it is of another version."""
    if set(stored) != {field.name for field in fields(Wording)} or stored["template"] not in BODIES:
        return None
    return Wording(**stored)


def _quoted(text: str) -> str:
    """A string of Python in one line."""
    return json.dumps(text, ensure_ascii=False)
