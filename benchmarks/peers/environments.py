"""One virtual environment for each peer: made once, pinned, verified by what it must import.

An environment that cannot be made is told with its reason and leaves the others alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.rounds import without_folders

FOLDER = Path(__file__).resolve().parents[1] / ".environments"
LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"
READY = "ready.json"
UNTRACKED = {
    "AXOLOTL_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
    "UNSLOTH_DISABLE_STATISTICS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Variables with which no peer tells anyone about the machine."""
FAILED: dict[str, str] = {}
"""Environments that could not be made in this process, and why: no comparison tries again what takes so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What is installed, and what must then be importable."""

    packages: tuple[str, ...]
    check: str
    """Python that only works where the environment is sound."""
    told: tuple[str, ...]
    """Packages whose versions are told beside a result."""
    cuda_packages: tuple[str, ...] = ()
    """What is installed besides on a machine with a CUDA device."""
    removed_unless_loadable: tuple[str, ...] = ()
    """Packages that the peer asks for and that are taken out again where they do not load."""
    needs_cuda: bool = False


def locked(*names: str) -> tuple[str, ...]:
    """The pins of the project's own lock for these packages."""
    pins = dict(
        line.split("==")
        for line in LOCK.read_text(encoding="utf-8").splitlines()
        if "==" in line and line[0] != "#"
    )
    return tuple(f"{name}=={pins[name]}" for name in names)


ENVIRONMENTS = {
    "trl": Environment(
        packages=locked(
            "torch", "transformers", "peft", "trl", "accelerate", "datasets", "sentencepiece", "safetensors"
        ),
        check="import trl, peft; from trl import SFTTrainer",
        told=("torch", "transformers", "peft", "trl", "accelerate"),
        cuda_packages=("liger-kernel==0.8.5",),
    ),
    "llamafactory": Environment(
        packages=(
            "llamafactory==0.9.5", "torch==2.13.0", "transformers==5.6.0", "peft==0.18.1", "trl==0.24.0",
        ),
        check="import transformers, peft, importlib.metadata as m; m.version('llamafactory')",
        told=("torch", "transformers", "peft", "trl", "llamafactory"),
        # Both are built for one build of torch each; where another one is installed they end the process.
        removed_unless_loadable=("torchvision", "torchaudio"),
    ),
    "lm_eval": Environment(
        packages=("lm-eval[hf]==0.4.13", *locked("torch", "transformers", "peft")),
        check="import lm_eval; from lm_eval.models.huggingface import HFLM",
        told=("torch", "transformers", "peft", "lm_eval"),
    ),
    "unsloth": Environment(
        packages=("unsloth==2026.10.9",),
        check="import unsloth",
        told=("torch", "transformers", "peft", "trl", "unsloth", "unsloth_zoo"),
        needs_cuda=True,
    ),
    "axolotl": Environment(
        packages=("axolotl==0.19.0",),
        check="import axolotl",
        told=("torch", "transformers", "peft", "trl", "axolotl"),
        needs_cuda=True,
    ),
}  # fmt: skip


def make_all(names: Iterable[str], *, cuda: bool) -> dict[str, dict[str, Any]]:
    """Environments by name: `python` and `versions`, or the `problem` for which there is none."""
    made = {}
    for name in names:
        if ENVIRONMENTS[name].needs_cuda and not cuda:
            made[name] = {"problem": "not run: it needs a CUDA device"}
            continue
        if name in FAILED:
            made[name] = {"problem": FAILED[name]}
            continue
        try:
            made[name] = make(FOLDER / name, ENVIRONMENTS[name], cuda=cuda)
        except RuntimeError as problem:
            FAILED[name] = str(problem)
            made[name] = {"problem": FAILED[name]}
            print(f"  no environment for {name}: {problem}", flush=True)
    return made


def make(folder: Path, environment: Environment, *, cuda: bool = False) -> dict[str, Any]:
    """Make an environment unless this very one is there. Raises RuntimeError with the reason where that fails."""
    ready, python = folder / READY, folder / "bin" / "python"
    packages = environment.packages + (environment.cuda_packages if cuda else ())
    identity = hashlib.sha256(repr((packages, environment)).encode()).hexdigest()
    if ready.is_file() and (found := json.loads(ready.read_text(encoding="utf-8")))["identity"] == identity:
        return {**found, "python": str(python)}  # the checkout may have moved
    print(f"  making an environment with {', '.join(packages)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    started = time.perf_counter()
    _run([sys.executable, "-m", "venv", str(folder)])
    _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    removed = [name for name in environment.removed_unless_loadable if not _loads(python, name)]
    if removed:
        _run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *removed])
    _run([str(python), "-c", environment.check], folder=folder)
    found = {
        "identity": identity,
        "python": str(python),
        "versions": _versions(python, environment.told),
        "removed": removed,
        "seconds": round(time.perf_counter() - started),
        "disk_mb": round(sum(path.lstat().st_size for path in folder.rglob("*")) / 2**20),
    }
    ready.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


def _loads(python: Path, name: str) -> bool:
    return (
        subprocess.run([str(python), "-c", f"import {name}"], capture_output=True, check=False).returncode
        == 0
    )


def _versions(python: Path, names: tuple[str, ...]) -> dict[str, str]:
    code = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    return json.loads(_run([str(python), "-c", code, *names]))


def _run(command: list[str], *, folder: Path | None = None) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | UNTRACKED, cwd=folder
    )
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("WARNING")]
        called = f"python {' '.join(command[1:3])} ..."
        raise RuntimeError(without_folders(f"{called} left with {done.returncode}: {' '.join(lines[-3:])}"))
    return done.stdout
