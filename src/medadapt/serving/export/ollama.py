"""A run for Ollama: a merged model or the adapter alone, and a Modelfile with the prompt of the training.

Ollama itself is not needed for it, and has not been tried. Its template is made of the same parts as the one over
messages with which the tokens of test records are checked (`examples.message_template`).
"""

from __future__ import annotations

from pathlib import Path

from medadapt.core.adapter_folder import CONFIG
from medadapt.core.errors import ModelError
from medadapt.core.files import read_json, write_json, write_text
from medadapt.core.progress import Progress
from medadapt.examples.message_template import MessageTemplate
from medadapt.predictions.settings import OPEN_ANSWER_TOKENS
from medadapt.report.markdown import fenced, inline
from medadapt.serving.answering import NOTICE
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
from medadapt.serving.export.merged import write_merged
from medadapt.serving.export.readme import readme
from medadapt.serving.export.trained_prompt import (
    CheckedTemplate,
    TrainedPrompt,
    need_template,
    trained_prompt,
)

MODEL, MODELFILE = "model", "Modelfile"
IMPORTED = (
    "LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM",
    "Gemma3ForCausalLM", "Phi3ForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM",
)  # fmt: skip
"""Architectures whose safetensors Ollama imports by itself, as far as its documents say; others need a GGUF file."""
ADAPTED = ("LlamaForCausalLM", "MistralForCausalLM", "Gemma2ForCausalLM")
"""Those whose adapters it reads from safetensors: its documents name Gemma 1, too, which its converter refuses."""
QUOTES = '"""'
SAME_PARTS = (
    "The Modelfile's is made of the same parts, but cuts no white space at the ends of a message: a question that "
    "begins or ends with it is not read as in the training. Ollama itself has not been tried."
)


def export_ollama(
    run: Run,
    folder: Path,
    *,
    precision: str | None = None,
    device: str = "auto",
    replace_folder: bool = False,
    progress: Progress,
) -> Exported:
    """Write `model/`, `Modelfile` and `README.md` into `folder`; a note says where Ollama does not import the model.

    Raises ModelError where the prompt cannot be written as a template.
    """
    prompt = trained_prompt(run)
    most = prompt.asking.max_new_tokens or OPEN_ANSWER_TOKENS
    context = needed_context(base_of(run, prompt.asking), prompt.asking)
    text = modelfile(prompt.checked.template, stops=_stops(prompt), most=most, context=context)
    with new_folder(folder, run, replace=replace_folder) as part:
        merged = write_merged(run, part / MODEL, precision=precision, device=device, progress=progress)
        checked = need_template(merged.checked)
        (architecture,) = read_json(part / MODEL / "config.json")["architectures"]
        notes = () if architecture in IMPORTED else (_not_imported(architecture),)
        write_text(part / MODELFILE, text)
        write_text(part / "README.md", _readme(run, name_of(folder), checked, notes))
        write_json(
            part / EXPORT,
            {
                "schema": 1,
                "to": "ollama",
                "model": MODEL,
                "imported": not notes,
                "template_checked_on": checked.n,
            },
        )
    return Exported(folder=folder, parity=merged.parity, notes=notes)


def export_ollama_adapter(run: Run, folder: Path, *, replace_folder: bool = False) -> Exported:
    """Write `adapter/`, `Modelfile` and `README.md` into `folder`; the base is Ollama's to load.

    Raises ModelError for an adapter or an architecture that Ollama reads otherwise or not at all, and where the prompt
    cannot be written as a template.
    """
    prompt = trained_prompt(run)
    base = base_of(run, prompt.asking)
    _check_adapter(run, base)
    most = prompt.asking.max_new_tokens or OPEN_ANSWER_TOKENS
    text = modelfile(
        prompt.checked.template,
        stops=_stops(prompt), most=most, context=needed_context(base, prompt.asking),
        base=str(base.folder), adapter=ADAPTER,
    )  # fmt: skip
    notes = notes_on_base(base, prompt.asking, program="Ollama")
    with new_folder(folder, run, replace=replace_folder) as part:
        copy_adapter(run, part)
        _write_whole_alpha(part / ADAPTER / CONFIG)
        write_text(part / MODELFILE, text)
        write_text(part / "README.md", _readme_of_adapter(run, name_of(folder), base, prompt.checked, notes))
        write_json(
            part / EXPORT,
            {"schema": 1, "to": "ollama-adapter", "base": base.name, "template_checked_on": prompt.checked.n},
        )
    return Exported(folder=folder, notes=notes)


def _check_adapter(run: Run, base: BareBase) -> None:
    config = read_json(run.folder.adapter / CONFIG)
    # Its LoRA, llama.cpp's, knows one scale, alpha / r, and no magnitudes.
    for key, variant in (("use_dora", "dora"), ("use_rslora", "rslora")):
        if config.get(key):
            raise ModelError(
                f"Ollama would read an adapter of the variant {variant} as a plain one, which is another model.",
                "an adapter of the variant lora",
                "Use --to ollama, which folds the adapter into its base.",
            )
    if not float(alpha := config["lora_alpha"]).is_integer():
        raise ModelError(
            f"Ollama reads lora.alpha as a whole number, and this adapter has {alpha}.",
            "an adapter with a whole lora.alpha",
            "Use --to ollama, which folds the adapter into its base.",
        )
    if base.architecture not in ADAPTED:
        raise ModelError(
            f"Ollama reads no adapters of {base.architecture or 'this architecture'}.",
            f"one of {', '.join(ADAPTED)}",
            "Use --to ollama, or --to gguf.",
        )


def _write_whole_alpha(path: Path) -> None:
    """Ollama does not read 32.0, as which adapters of older versions have it."""
    config = read_json(path)
    write_json(path, config | {"lora_alpha": int(config["lora_alpha"])})


def modelfile(
    template: MessageTemplate,
    *,
    stops: list[str],
    most: int,
    context: int,
    base: str = f"./{MODEL}",
    adapter: str | None = None,
) -> str:
    """The text of a Modelfile, with `most` tokens of an answer and `context` of it and its prompt.

    Without a context Ollama takes a few thousand tokens and drops what is more. Raises ModelError where the template
    holds what would end the file.
    """
    text = template.go()
    if "\n" in base:
        raise ModelError("The base's name has a line break.", "a name of one line", "Name it with --base.")
    if QUOTES in text or any(QUOTES in stop or "\n" in stop for stop in stops):
        raise ModelError(
            "The prompt holds three quotes in a row, which a Modelfile cannot.",
            "a prompt without them",
            "Use --to merged.",
        )
    lines = [
        f"# {NOTICE}",
        f"FROM {base}",
        *([f"ADAPTER ./{adapter}"] if adapter else []),
        f"TEMPLATE {QUOTES}{text}{QUOTES}",
        *(f'PARAMETER stop "{stop}"' for stop in stops),
        "PARAMETER temperature 0",
        f"PARAMETER num_predict {most}",
        f"PARAMETER num_ctx {context}",
    ]
    return "\n".join(lines) + "\n"


def _stops(prompt: TrainedPrompt) -> list[str]:
    tokens = prompt.encoder.tokenizer.convert_ids_to_tokens(list(prompt.stops))
    return [str(token) for token in tokens]


def _not_imported(architecture: str) -> str:
    return (
        f"Ollama's documents do not list {architecture} among the architectures that it imports from safetensors, so "
        "`ollama create` may refuse this folder. Make a GGUF file with `medadapt export RUN --to gguf` and name it "
        "behind FROM."
    )


def _readme(run: Run, name: str, checked: CheckedTemplate, notes: tuple[str, ...]) -> str:
    return readme(
        name,
        f"The run {inline(run.recipe.name)} for Ollama: base and adapter as one model, and a Modelfile with the prompt "
        "of the training. In this folder:",
        _create(name),
        *notes,
        f"`{MODEL}/parity.json` says how well the merged model agrees with base and adapter.",
        f"{checked.in_words()} {SAME_PARTS}",
    )


def _readme_of_adapter(
    run: Run, name: str, base: BareBase, checked: CheckedTemplate, notes: tuple[str, ...]
) -> str:
    return readme(
        name,
        f"The adapter of the run {inline(run.recipe.name)} for Ollama, and a Modelfile with the prompt of the "
        f"training. Its FROM names the folder in which the base {inline(base.name)} lay when this was written. "
        "Elsewhere put there a folder with the same safetensors, or the name under which Ollama has this very base, "
        "not quantised: over another base, or over a chat variant of it, the adapter is worth nothing. Then, in this "
        "folder:",
        _create(name),
        *map(inline, notes),
        f"{checked.in_words()} {SAME_PARTS}",
    )


def _create(name: str) -> str:
    return fenced(f"ollama create {_tag(name)} -f {MODELFILE}\nollama run {_tag(name)}", "bash")


def _tag(name: str) -> str:
    """A name that Ollama and a shell take as it is."""
    kept = "".join(
        sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "-" for sign in name.lower()
    )
    return kept.strip("-_.") or "medadapt"
