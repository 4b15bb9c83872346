"""README.md of an exported model: what it is, how it must be asked, and how well it agrees.

It holds no text of records but the system turn that all training dialogues open with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from medadapt.report.asking_code import asking_code
from medadapt.report.markdown import fenced, inline
from medadapt.serving.command_targets import Run, base_of_run
from medadapt.serving.export.parity import Agreement, Parity
from medadapt.serving.export.readme import readme


def export_card(
    run: Run, shown: Mapping[str, Any], parity: Parity, name: str, *, chat: bool, template: str
) -> str:
    """The text of `README.md`. Every word that is not ours is escaped.

    `shown` is what `examples.shown_prompt` gives; `chat`: the prompt holds a chat template of the base; `template` says
    what was checked of the one that the model has now.
    """
    base = base_of_run(run)
    smoke = "**From a smoke run: it means nothing.** " if run.smoke else ""
    known = "a tiny random base" if run.smoke else base.in_words
    text = readme(
        name,
        f"{smoke}An adapter that was trained with MedAdapt (run {inline(run.recipe.name)}), merged into "
        f"{inline(known)}. Whether the adapter helped stands in the report of that run.",
        "## How to use",
        "The model must be asked in the words it was trained on. A part that a question does not have, such as "
        "a type, falls away with its heading.",
        fenced(shown["prompt"], "text"),
        fenced(_code(shown, chat=chat, own_code=run.recipe.model.trust_remote_code), "python"),
        "## Chat template",
        template,
        "## Agreement with base + adapter",
        _agreement(parity),
    )
    return f"{_front_matter(None if run.smoke else base.hub_id)}\n\n{text}"


def _front_matter(base: str | None) -> str:
    matter: dict[str, Any] = {
        "library_name": "transformers",
        **({"base_model": base, "base_model_relation": "finetune"} if base else {}),
        "pipeline_tag": "text-generation",
        "tags": ["medadapt", "medical", "merged"],
    }
    return f"---\n{yaml.safe_dump(matter, sort_keys=False, width=1000)}---"


def _code(shown: Mapping[str, Any], *, chat: bool, own_code: bool) -> str:
    """`own_code`: the folder holds Python of the base, which transformers must be allowed to run."""
    allowed = ", trust_remote_code=True" if own_code else ""
    return "\n".join(
        [
            "from transformers import AutoModelForCausalLM, AutoTokenizer",
            "",
            'folder = "path/to/this/folder"',
            f"tokenizer = AutoTokenizer.from_pretrained(folder{allowed})",
            f'model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto"{allowed})',
            "",
            *asking_code(shown, chat=chat),
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
