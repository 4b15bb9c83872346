"""Which files of a run go to the Hub, as they go there: the adapter, what it needs, and its model card.

No record is among them, nor a prediction, a preview, a step or a checkpoint. Of the data they hold the names
of the labels of a diagnosis task and the system turn that all training dialogues open with, and of the recipe's
texts `prompt.system`: these belong to how the model is asked. The model card adds counts and figures. Nothing
names a folder of this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapt.core.adapter_folder import ASKING, BASE, CONFIG, WEIGHTS
from medadapt.core.errors import RunFolderError
from medadapt.core.files import read_json, to_json
from medadapt.core.shell_command import command
from medadapt.models.hub_adapter import UNNAMED_BASE, AdapterAddress
from medadapt.report.asking_code import quoted
from medadapt.serving.asking import asking_of_run, asking_values
from medadapt.serving.command_targets import Run, base_of_run, need_adapter, need_measured_adapter

CARD = "README.md"
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json",
    "added_tokens.json", "chat_template.jinja", "chat_template.json", "vocab.json", "vocab.txt", "merges.txt",
    "sentencepiece.bpe.model", "spiece.model",
)  # fmt: skip
PLACE_IN_CARD = "path/to/this/adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file: its name on the Hub, and what it holds."""

    name: str
    content: Path | bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)


def uploads(run: Run, repository: str, *, revision: str | None = None) -> list[Upload]:
    """The files for `repository`, the weights first; `revision` is the branch that they go to.

    Raises RunFolderError where the run is not finished, or measured another adapter.
    """
    need_adapter(run)
    folder, card = run.folder.adapter, run.folder.report / CARD
    missing = [path for path in (folder / WEIGHTS, folder / BASE, card) if not path.is_file()]
    if missing:
        raise RunFolderError(
            f"{missing[0]} is missing.",
            "a finished run: an adapter is shared with its model card",
            f"Run `{command('run', run.folder.path)}` first.",
        )
    need_measured_adapter(run)
    asking = asking_values(asking_of_run(run.recipe, run.folder))
    config, base = read_json(folder / CONFIG), read_json(folder / BASE)
    name = public_base(run)
    written = {
        CONFIG: config | {"base_model_name_or_path": name},
        BASE: base | {"base": name},
        ASKING: asking | {"model": asking["model"] | {"base": name}},
    }
    return [
        Upload(name=WEIGHTS, content=folder / WEIGHTS),
        *(Upload(name=file, content=_json(values)) for file, values in written.items()),
        Upload(name=CARD, content=_card(card, repository, revision).encode()),
        *(Upload(name=file, content=folder / file) for file in TOKENIZER if (folder / file).is_file()),
    ]


def public_base(run: Run) -> str:
    """The base as others may read it: a Hub id or `sample:base` as it is, of a folder not even its name.

    That name may be another model's on the Hub, which PEFT would load without a word.
    """
    return UNNAMED_BASE if has_local_base(run) else run.recipe.model.base


def hub_address(repository: str, revision: str | None) -> str:
    """What `medadapt ask` takes for an adapter of the Hub."""
    return str(AdapterAddress(repo=repository, revision=revision))


def has_local_base(run: Run) -> bool:
    """Whether the base lies in a folder, where nobody else finds it."""
    return run.smoke or base_of_run(run).is_local


def _json(values: dict[str, Any]) -> bytes:
    return (to_json(values, indent=2) + "\n").encode()


def _card(card: Path, repository: str, revision: str | None) -> str:
    """The run's model card with the place where the adapter can now be found."""
    text = card.read_text(encoding="utf-8")
    text = text.replace(f"medadapt ask {PLACE_IN_CARD}", f"medadapt ask {hub_address(repository, revision)}")
    if revision is not None:
        for loaded in ("from_pretrained(base, adapter", "from_pretrained(adapter"):
            text = text.replace(f"{loaded})", f"{loaded}, revision={quoted(revision)})")
    return text.replace(PLACE_IN_CARD, repository)
