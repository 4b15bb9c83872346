"""A run for Ollama: a merged model, and a Modelfile with the prompt of the training.

Ollama itself is not needed for it, and has not been tried. Its template is made of the same parts as the one over
messages with which the tokens of test records are checked (`examples.message_template`).
"""

from __future__ import annotations

from pathlib import Path

from medadapt.core.errors import ModelError
from medadapt.core.files import read_json, write_json, write_text
from medadapt.core.progress import Progress
from medadapt.examples.message_template import MessageTemplate
from medadapt.predictions.generation import stopping_ids
from medadapt.predictions.settings import OPEN_ANSWER_TOKENS
from medadapt.report.markdown import fenced, inline
from medadapt.serving.answering import NOTICE
from medadapt.serving.asking import asking_of_run
from medadapt.serving.command_targets import Run, need_adapter
from medadapt.serving.export.exported import Exported
from medadapt.serving.export.folders import EXPORT, new_folder
from medadapt.serving.export.merged import Merged, need_template, write_merged

MODEL, MODELFILE = "model", "Modelfile"
IMPORTED = (
    "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM",
    "Gemma3ForCausalLM", "Phi3ForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM",
)  # fmt: skip
"""Architectures whose safetensors Ollama imports by itself, as far as its documents say; others need a GGUF file."""
QUOTES = '"""'


def export_ollama(
    run: Run,
    folder: Path,
    *,
    precision: str | None = None,
    device: str = "auto",
    replace_folder: bool = False,
    progress: Progress,
) -> Exported:
    """Write `model/`, `Modelfile` and `README.md` into `folder`.

    Raises ModelError where the prompt cannot be written as a template, or Ollama does not know the architecture.
    """
    need_adapter(run)
    with new_folder(folder, run, replace=replace_folder) as part:
        merged = write_merged(run, part / MODEL, precision=precision, device=device, progress=progress)
        template = need_template(merged.template)
        (architecture,) = read_json(part / MODEL / "config.json")["architectures"]
        asking = asking_of_run(run.recipe, run.folder)
        most = asking.max_new_tokens or OPEN_ANSWER_TOKENS
        write_text(part / MODELFILE, modelfile(template, stops=_stops(merged), most=most))
        write_text(part / "README.md", _readme(run, folder.name, architecture))
        write_json(
            part / EXPORT,
            {"schema": 1, "to": "ollama", "model": MODEL, "imported": architecture in IMPORTED,
             "template_checked_on": len(merged.records)},
        )  # fmt: skip
    return Exported(folder=folder, parity=merged.parity)


def modelfile(template: MessageTemplate, *, stops: list[str], most: int) -> str:
    """The text of a Modelfile. Raises ModelError where the template holds what would end it."""
    text = template.go()
    if QUOTES in text or any(QUOTES in stop or "\n" in stop for stop in stops):
        raise ModelError(
            "The prompt holds three quotes in a row, which a Modelfile cannot.",
            "a prompt without them",
            "Use --to merged.",
        )
    lines = [
        f"# {NOTICE}",
        f"FROM ./{MODEL}",
        f"TEMPLATE {QUOTES}{text}{QUOTES}",
        *(f'PARAMETER stop "{stop}"' for stop in stops),
        "PARAMETER temperature 0",
        f"PARAMETER num_predict {most}",
    ]
    return "\n".join(lines) + "\n"


def _stops(merged: Merged) -> list[str]:
    tokens = merged.encoder.tokenizer.convert_ids_to_tokens(list(stopping_ids(merged.encoder)))
    return [str(token) for token in tokens]


def _readme(run: Run, name: str, architecture: str) -> str:
    known = (
        []
        if architecture in IMPORTED
        else [
            f"Ollama's documents do not list {inline(architecture)} among the architectures that it imports from "
            "safetensors. Make a GGUF file with `medadapt export RUN --to gguf` and name it behind FROM."
        ]
    )
    parts = [
        f"# {inline(name)}",
        f"> **{inline(NOTICE)}**",
        f"The run {inline(run.recipe.name)} for Ollama: base and adapter as one model, and a Modelfile with the prompt "
        "of the training. In this folder:",
        fenced(f"ollama create {_tag(name)} -f {MODELFILE}\nollama run {_tag(name)}", "bash"),
        *known,
        f"`{MODEL}/parity.json` says how well the merged model agrees with base and adapter. The template gives the "
        "tokens of the training, checked with transformers; Ollama itself has not been tried. A system message is left "
        "out, as in training.",
        f"> **{inline(NOTICE)}**",
    ]
    return "\n\n".join(parts) + "\n"


def _tag(name: str) -> str:
    """A name that Ollama and a shell take as it is."""
    kept = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "-" for sign in name.lower()
    )
    return kept.strip("-_.") or "medadapt"
