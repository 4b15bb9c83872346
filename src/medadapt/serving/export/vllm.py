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
from medadapt.serving.command_targets import Run
from medadapt.serving.export.bare_adapter import (
    ADAPTER,
    BareBase,
    base_of,
    copy_adapter,
    needed_context,
    notes_on_base,
)
from medadapt.serving.export.exported import Exported
from medadapt.serving.export.folders import EXPORT, name_of, new_folder
from medadapt.serving.export.readme import readme
from medadapt.serving.export.trained_prompt import (
    GENERATION,
    TEMPLATE,
    CheckedTemplate,
    as_ends,
    trained_prompt,
)

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Values that vLLM takes for --max-lora-rank."""
ADAPTED = (
    "ApertusForCausalLM", "ArceeForCausalLM", "CohereForCausalLM", "Cohere2ForCausalLM", "DeepseekForCausalLM",
    "DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM", "Ernie4_5ForCausalLM", "ExaoneForCausalLM", "Exaone4ForCausalLM",
    "GemmaForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM", "Gemma4ForCausalLM", "GlmForCausalLM",
    "Glm4ForCausalLM", "Glm4MoeForCausalLM", "GPTBigCodeForCausalLM", "GptOssForCausalLM", "GraniteForCausalLM",
    "GraniteMoeForCausalLM", "HunYuanDenseV1ForCausalLM", "InternLM2ForCausalLM", "InternLM3ForCausalLM",
    "LlamaForCausalLM", "MiniCPMForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "NemotronForCausalLM",
    "OlmoForCausalLM", "Olmo2ForCausalLM", "Olmo3ForCausalLM", "OPTForCausalLM", "PhiForCausalLM", "Phi3ForCausalLM",
    "PhiMoEForCausalLM", "Qwen2ForCausalLM", "Qwen2MoeForCausalLM", "Qwen3ForCausalLM", "Qwen3MoeForCausalLM",
    "SeedOssForCausalLM", "SmolLM3ForCausalLM", "Starcoder2ForCausalLM",
)  # fmt: skip
"""Architectures of which vLLM's list of supported models says that it serves adapters."""


def export_vllm(run: Run, folder: Path, *, replace_folder: bool = False) -> Exported:
    """Write `adapter/`, the chat template, the ends of an answer, `serve.sh` and `README.md` into `folder`.

    Raises ModelError for an adapter or a base that vLLM does not load, and where the prompt cannot be written as a
    template.
    """
    prompt = trained_prompt(run)
    rank = _rank(read_json(run.folder.adapter / CONFIG))
    base = base_of(run, prompt.asking)
    _check_base(base)
    command = serve_command(
        base,
        rank=rank,
        max_length=needed_context(base, prompt.asking),
        own_code=prompt.asking.model.trust_remote_code and not run.base,
    )
    notes = notes_on_base(base, prompt.asking, program="vLLM")
    with new_folder(folder, run, replace=replace_folder) as part:
        copy_adapter(run, part)
        write_text(part / TEMPLATE, prompt.checked.template.jinja())
        write_json(part / GENERATION, {"eos_token_id": as_ends(prompt.stops)})
        write_text(
            part / "serve.sh", f'#!/bin/sh\ncd "$(dirname "$0")" || exit 1\nexec {shlex.join(command)}\n'
        )
        write_text(part / "README.md", _readme(run, name_of(folder), command, base, prompt.checked, notes))
        write_json(
            part / EXPORT,
            {"schema": 1, "to": "vllm", "command": command, "template_checked_on": prompt.checked.n},
        )
    return Exported(folder=folder, notes=notes)


def serve_command(base: BareBase, *, rank: int, max_length: int, own_code: bool) -> list[str]:
    """The words of the command that serves base and adapter; only this machine can reach it."""
    return [
        "vllm", "serve", str(base.folder) if base.local else base.name,
        *(["--revision", base.revision] if base.revision else []),
        *(["--trust-remote-code", "--code-revision", str(base.revision)] if own_code else []),
        "--host", "127.0.0.1", "--served-model-name", "baseline", "--enable-lora",
        "--max-lora-rank", str(rank), "--lora-modules", f"tuned=./{ADAPTER}", "--chat-template", f"./{TEMPLATE}",
        "--generation-config", ".", "--max-model-len", str(max_length),
    ]  # fmt: skip


def _check_base(base: BareBase) -> None:
    if base.architecture not in ADAPTED:
        raise ModelError(
            f"vLLM's documents name no adapters of {base.architecture or 'this architecture'}.",
            f"one of {', '.join(ADAPTED)}",
            "Use --to merged, and serve that model.",
        )


def _rank(config: dict[str, Any]) -> int:
    """The smallest rank that vLLM takes and that holds the adapter's."""
    for key, what in (
        ("use_dora", "of the variant dora"),
        ("modules_to_save", "with whole layers beside the low-rank update (modules_to_save)"),
    ):
        if config.get(key):
            raise ModelError(
                f"vLLM loads no adapters {what}.",
                "an adapter of the variant lora or rslora, and nothing beside it",
                "Use --to merged, and serve that model.",
            )
    rank = max(map(int, [config["r"], *(config.get("rank_pattern") or {}).values()]))
    fitting = [one for one in RANKS if one >= rank]
    if not fitting:
        raise ModelError(
            f"vLLM loads adapters up to rank {RANKS[-1]}, and this one has rank {rank}.",
            "a smaller lora.rank",
            "Use --to merged, and serve that model.",
        )
    return fitting[0]


def _readme(
    run: Run,
    name: str,
    command: list[str],
    base: BareBase,
    checked: CheckedTemplate,
    notes: tuple[str, ...],
) -> str:
    asked = (
        "curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\\n"
        """  -d '{"model": "tuned", "temperature": 0, "messages": [{"role": "user", "content": "your question"}]}'"""
    )
    elsewhere = (
        [f"The command names the folder in which the base {inline(base.name)} lay when this was written."]
        if base.local
        else []
    )
    return readme(
        name,
        f"The run {inline(run.recipe.name)} for vLLM, which serves `baseline` and `tuned` over one copy of the "
        "weights. In this folder, where vLLM is installed:",
        fenced(shlex.join(command), "bash"),
        *elsewhere,
        fenced(asked, "bash"),
        *map(inline, notes),
        f"{checked.in_words()} vLLM itself has not been tried. Temperature 0 is how the run was measured.",
    )
