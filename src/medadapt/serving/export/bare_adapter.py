"""What exports have in common that take the adapter as it is, beside a base that another program loads."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from medadapt.core.adapter_folder import CONFIG, WEIGHTS
from medadapt.core.files import disk_faults
from medadapt.models.base_files import find_folder, read_base_config
from medadapt.models.forward import context_of
from medadapt.models.loading import load_config
from medadapt.models.local_base import local_folder
from medadapt.predictions.settings import OPEN_ANSWER_TOKENS
from medadapt.serving.asking import Asking
from medadapt.serving.command_targets import Run

ADAPTER = "adapter"


@dataclass(frozen=True, slots=True, kw_only=True)
class BareBase:
    """The base of an adapter, as another program is told of it."""

    name: str
    """As the run names it."""
    folder: Path
    """Where its configuration lies: absolute, for who reads it from elsewhere."""
    local: bool
    """Whether it is a folder of this machine, and no model of the hub."""
    revision: str | None
    """The commit or tag of a hub model."""
    architecture: str


def base_of(run: Run, asking: Asking) -> BareBase:
    """The base of a run. Raises ModelError where it is not there."""
    name = run.base or asking.model.base
    revision = None if run.base else asking.model.revision
    folder = find_folder(name, revision=revision, code=asking.model.trust_remote_code).resolve()
    architectures = read_base_config(folder / "config.json").get("architectures") or [""]
    return BareBase(
        name=name,
        folder=folder,
        local=local_folder(name) is not None,
        revision=revision,
        architecture=str(architectures[0]),
    )


def needed_context(base: BareBase, asking: Asking) -> int:
    """Tokens of prompt and answer together: the longest prompt leaves as much room as it does in `ask`."""
    most = asking.max_new_tokens or OPEN_ANSWER_TOKENS
    wanted = max(asking.plan.max_length, asking.plan.prompt_limit + most)
    config = load_config(str(base.folder), trust_remote_code=asking.model.trust_remote_code)
    return min(wanted, context_of(config) or wanted)


def notes_on_base(base: BareBase, asking: Asking, *, program: str) -> tuple[str, ...]:
    """What a user must know of the base that another program loads."""
    held = asking.model.quantization
    if held == "none":
        return ()
    return (
        f"The adapter was trained and measured on a base in {held}; {program} loads the full weights of {base.name}, "
        "which is another model: the run's results do not describe it.",
    )


def copy_adapter(run: Run, part: Path) -> None:
    """The adapter's two files in PEFT's format, in `part/adapter`."""
    with disk_faults(part):
        (part / ADAPTER).mkdir()
        for name in (CONFIG, WEIGHTS):
            shutil.copyfile(run.folder.adapter / name, part / ADAPTER / name)
