"""Another interpreter's lm-evaluation-harness: whether it is there, and a call of it without the network."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from medadapt.core.errors import MedAdaptError, ModelError
from medadapt.core.files import write_text

LM_EVAL = "lm-eval==0.4.13"
"""The version that was compared."""
LIBRARIES = ("lm_eval", "torch", "transformers", "peft", "datasets", "tokenizers")
LOOK = """
import importlib.util, json, platform
from importlib import metadata
found = {"python": platform.python_version()}
for name in %r:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
spec = importlib.util.find_spec("lm_eval")
places = list(spec.submodule_search_locations or []) if spec else []
print(json.dumps({"versions": found, "folder": places[0] if places else None}))
"""
NEEDED = ("lm_eval", "torch", "transformers")
NOT_HANDED_ON = ("PYTHONPATH", "PYTHONHOME", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN")
"""Our own packages do not belong into that interpreter, and it has nothing to log in for."""
LAST_LINES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """An interpreter in which lm-evaluation-harness is installed."""

    python: Path
    folder: Path
    versions: dict[str, str]

    @property
    def tasks(self) -> Path:
        """The folder with its task files."""
        return self.folder / "tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessModel:
    """What the harness loads."""

    base: Path
    adapter: Path | None
    device: str
    max_length: int
    trust_remote_code: bool = False


def find_harness(python: Path) -> Harness:
    """The harness of an interpreter. Raises MedAdaptError with the line that installs it where it is missing."""
    if python.parent != Path():
        python = Path.cwd() / python  # the harness starts in a folder of its own; links make an environment
    try:
        done = subprocess.run(
            [str(python), "-c", LOOK % (LIBRARIES,)],
            capture_output=True, text=True, check=False, env=_environment(), stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as problem:
        raise MedAdaptError(
            f"--python {python} cannot be started: {problem.strerror}.",
            "the path of a Python interpreter",
            "Correct the path.",
        ) from problem
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise MedAdaptError(
            f"--python {python} is no Python interpreter that answers{_last(done.stderr)}.",
            "the path of a Python interpreter",
            "Correct the path.",
        ) from None
    missing = [name for name in NEEDED if name not in found["versions"]]
    if missing or found["folder"] is None:
        raise MedAdaptError(
            f"{python} has no {' and no '.join(missing or ['lm_eval'])}: lm-evaluation-harness is not installed there.",
            "an interpreter with lm-evaluation-harness, torch, transformers and peft",
            f'{python} -m pip install "{LM_EVAL}" torch transformers accelerate peft\n'
            "or name another interpreter with --python; it may be one of an environment of its own.",
        )
    return Harness(python=python, folder=Path(found["folder"]), versions=found["versions"])


def run_harness(
    harness: Harness, model: HarnessModel, tasks: Sequence[str], folder: Path, *, batch_size: int
) -> Path:
    """Ask the model the tasks in `folder`; returns the folder with the log of every sample.

    Everything it writes lies below `folder`. Raises ModelError with its last words where it fails.
    """
    output = folder / f"out-{'tuned' if model.adapter else 'baseline'}"
    settings = output.with_suffix(".yaml")
    write_text(settings, yaml.safe_dump(_settings(model, tasks, folder, output, batch_size)))
    log = output.with_suffix(".log")
    with log.open("w", encoding="utf-8") as file:
        done = subprocess.run(
            [str(harness.python), "-m", "lm_eval", "run", "--config", str(settings)],
            stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            cwd=folder, env=_environment(folder), check=False,
        )  # fmt: skip
    if done.returncode != 0:
        said = _last(log.read_text(encoding="utf-8", errors="replace"))
        raise ModelError(
            f"lm-evaluation-harness ended with {done.returncode}{said}.",
            "a harness that loads this base and runs",
            f"Versions there: {', '.join(f'{name} {number}' for name, number in harness.versions.items())}. "
            f"Compared was {LM_EVAL}.",
        )
    return output


def _settings(
    model: HarnessModel, tasks: Sequence[str], folder: Path, output: Path, batch_size: int
) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "pretrained": str(model.base),
        "dtype": "float32",
        "max_length": model.max_length,
        "trust_remote_code": model.trust_remote_code,
    }
    if model.adapter is not None:
        arguments["peft"] = str(model.adapter)
    return {
        "model": "hf",
        "model_args": arguments,
        "tasks": list(tasks),
        "include_path": str(folder),
        "num_fewshot": 0,
        "batch_size": batch_size,
        "device": model.device,
        "log_samples": True,
        "output_path": str(output),
    }


def _environment(folder: Path | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in NOT_HANDED_ON}
    kept |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    kept |= {"TOKENIZERS_PARALLELISM": "false", "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"}
    if folder is not None:
        kept["HF_DATASETS_CACHE"] = str(folder / "cache")
    return kept


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {' / '.join(lines[-LAST_LINES:])}" if lines else ""
