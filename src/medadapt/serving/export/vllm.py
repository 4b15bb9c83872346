"""A run for vLLM: the adapter as it is, the chat template of the training, and the command that serves both models.

vLLM itself is not needed for it, and has not been tried; what is known of its LoRA is checked before it starts.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from medadapt.core.adapter_folder import CONFIG
from medadapt.core.errors import ModelError
from medadapt.core.files import read_json, write_json, write_text
from medadapt.report.markdown import fenced, inline
from medadapt.serving.answering import NOTICE
from medadapt.serving.command_targets import Run, need_adapter
from medadapt.serving.export.bare_adapter import ADAPTER, copy_adapter, trained_prompt
from medadapt.serving.export.folders import EXPORT, new_folder
from medadapt.serving.export.merged import TEMPLATE

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Values that vLLM takes for --max-lora-rank."""


def export_vllm(run: Run, folder: Path, *, replace_folder: bool = False) -> Path:
    """Write `adapter/`, the chat template, `serve.sh` and `README.md` into `folder`.

    Raises ModelError for an adapter that vLLM does not load, and where the prompt cannot be written as a template.
    """
    need_adapter(run)
    config = read_json(run.folder.adapter / CONFIG)
    rank = _rank(config)
    prompt = trained_prompt(run)
    base = run.base or prompt.asking.model.base
    command = serve_command(base, rank=rank, max_length=prompt.asking.plan.max_length)
    with new_folder(folder, run, replace=replace_folder) as part:
        copy_adapter(run, part)
        write_text(part / TEMPLATE, prompt.template.jinja())
        write_text(
            part / "serve.sh", f'#!/bin/sh\ncd "$(dirname "$0")" || exit 1\nexec {shlex.join(command)}\n'
        )
        write_text(part / "README.md", _readme(run, folder.name, command))
        write_json(
            part / EXPORT,
            {"schema": 1, "to": "vllm", "command": command, "template_checked_on": len(prompt.records)},
        )
    return folder


def serve_command(base: str, *, rank: int, max_length: int) -> list[str]:
    """The words of the command that serves base and adapter; only this machine can reach it."""
    return [
        "vllm", "serve", base, "--host", "127.0.0.1", "--served-model-name", "baseline", "--enable-lora",
        "--max-lora-rank", str(rank), "--lora-modules", f"tuned=./{ADAPTER}", "--chat-template", f"./{TEMPLATE}",
        "--max-model-len", str(max_length),
    ]  # fmt: skip


def _rank(config: dict[str, Any]) -> int:
    if config.get("use_dora"):
        raise ModelError(
            "vLLM loads no adapters of the variant dora.",
            "lora or rslora",
            "Use --to merged, and serve that model.",
        )
    rank = int(config["r"])
    fitting = [one for one in RANKS if one >= rank]
    if not fitting:
        raise ModelError(
            f"vLLM loads adapters up to rank {RANKS[-1]}, and this one has rank {rank}.",
            "a smaller lora.rank",
            "Use --to merged, and serve that model.",
        )
    return fitting[0]


def _readme(run: Run, name: str, command: list[str]) -> str:
    asked = (
        "curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\\n"
        """  -d '{"model": "tuned", "temperature": 0, "messages": [{"role": "user", "content": "your question"}]}'"""
    )
    parts = [
        f"# {inline(name)}",
        f"> **{inline(NOTICE)}**",
        f"The run {inline(run.recipe.name)} for vLLM, which serves `baseline` and `tuned` over one copy of the "
        "weights. In this folder, where vLLM is installed:",
        fenced(shlex.join(command), "bash"),
        fenced(asked, "bash"),
        "The chat template gives the tokens of the training, checked with transformers on test records; vLLM itself "
        "has not been tried. Temperature 0 is how the run was measured.",
        f"> **{inline(NOTICE)}**",
    ]
    return "\n\n".join(parts) + "\n"
