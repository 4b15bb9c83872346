"""How a stranger uses the adapter: the command, and code for plain PEFT. No text of the data."""

from __future__ import annotations

import json
from typing import Any

from medadapt.report.asking_code import asking_code, quoted
from medadapt.report.front_matter import base_id, base_name
from medadapt.report.inputs import ReportInputs
from medadapt.report.markdown import fenced, inline
from medadapt.samples.bundled_base import SAMPLE_BASE

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
            fenced("\n".join([*_load(inputs), *_ask(inputs.examples)]), "python"),
            fits,
        ]
    )


def _load(inputs: ReportInputs) -> list[str]:
    model = inputs.recipe.get("model") or {}
    base = base_id(base_name(inputs)) or "path/to/the/base"
    if inputs.run.get("smoke"):
        base = "path/to/this/run/0-base"
    packing = PACKED.get(str(model.get("quantization")))
    bundled = base_name(inputs) == SAMPLE_BASE and not inputs.run.get("smoke")
    options = ["base_folder()" if bundled else json.dumps(base)]
    if model.get("revision"):
        options.append(f"revision={quoted(str(model['revision']))}")
    if packing:
        options.append("quantization_config=BitsAndBytesConfig(" + packing + ")")
    names = ["AutoModelForCausalLM", "AutoTokenizer", *(["BitsAndBytesConfig"] if packing else [])]
    call = ", ".join(options) if len(options) == 1 else "\n    " + ",\n    ".join(options) + ",\n"
    return [
        "from peft import PeftModel",
        f"from transformers import {', '.join(names)}",
        *(["", "from medadapt.samples.bundled_base import base_folder"] if bundled else []),
        "",
        'adapter = "path/to/this/adapter"',
        f"base = AutoModelForCausalLM.from_pretrained({call})",
        "model = PeftModel.from_pretrained(base, adapter)",
        "tokenizer = AutoTokenizer.from_pretrained(adapter)",
    ]


def _ask(examples: dict[str, Any]) -> list[str]:
    """The question and its answer; nothing for examples of another version, which do not show a prompt."""
    plan, shown = examples.get("plan"), examples.get("shown_prompt")
    return ["", *asking_code(shown, chat=plan["chat"])] if plan and shown else []
