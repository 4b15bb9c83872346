"""How a stranger uses the adapter: the command, and code for plain PEFT. No text of the data."""

from __future__ import annotations

import json
from typing import Any

from medadapt.report.asking_code import asking_code, quoted
from medadapt.report.facts import shows_options
from medadapt.report.inputs import ReportInputs
from medadapt.report.markdown import fenced, inline
from medadapt.report.named_base import base_of
from medadapt.samples.bundled_base import SAMPLE_BASE

LOCAL_BASE = "path/to/the/base"
"""What stands for a base that the reader has in a folder."""
OWN_CODE = (
    "Python code that comes with this base runs only where a recipe allows it. MedAdapt therefore asks this adapter in "
    "the folder of its run, and not alone."
)
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
    told, target, base = [], "path/to/this/adapter", _base_folder(inputs)
    if _has_own_code(inputs):
        told, target, base = [OWN_CODE], "path/to/this/run", None
    return "\n\n".join(
        [
            *told,
            "With MedAdapt, which asks exactly as in training:",
            fenced(ask_command(target, options=shows_options(inputs), base=base), "bash"),
            "With PEFT alone:",
            fenced("\n".join([*_load(inputs), *_ask(inputs.examples)]), "python"),
            fits,
        ]
    )


def ask_command(target: str, *, options: bool, base: str | None) -> str:
    """The command that asks an adapter; the question, and the options where it chooses among some, are to be filled in.

    `base` is the folder of a base that is not found by its name.
    """
    words = [f'medadapt ask {target} "your question"']
    words += ['--options "first;second;third"'] if options else []
    words += [f"--base {base}"] if base else []
    return " ".join(words)


def _base_folder(inputs: ReportInputs) -> str | None:
    """The folder of the base, as the reader may have it; None where its name is enough."""
    if inputs.run.get("smoke"):
        return "path/to/this/run/0-base"
    return LOCAL_BASE if base_of(inputs).is_local else None


def _has_own_code(inputs: ReportInputs) -> bool:
    """Whether the recipe lets the base run its own code; the stand-in of a smoke run has none."""
    model = inputs.recipe.get("model") or {}
    return bool(model.get("trust_remote_code")) and not inputs.run.get("smoke")


def _load(inputs: ReportInputs) -> list[str]:
    model = inputs.recipe.get("model") or {}
    named = base_of(inputs)
    packing = PACKED.get(str(model.get("quantization")))
    bundled = named.name == SAMPLE_BASE and not inputs.run.get("smoke")
    options = ["base_folder()" if bundled else json.dumps(_base_folder(inputs) or named.hub_id)]
    if model.get("revision"):
        options.append(f"revision={quoted(str(model['revision']))}")
    # The code of a tokenizer lies with the base too: the adapter's folder may lack it.
    words = "adapter"
    if _has_own_code(inputs):
        options.append("trust_remote_code=True")
        words = ", ".join(options)
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
        f"tokenizer = AutoTokenizer.from_pretrained({words})",
    ]


def _ask(examples: dict[str, Any]) -> list[str]:
    """The question and its answer; nothing for examples of another version, which do not show a prompt."""
    plan, shown = examples.get("plan"), examples.get("shown_prompt")
    return ["", *asking_code(shown, chat=plan["chat"])] if plan and shown else []
