"""What the run was made with: versions of Python and of the libraries, and the commit of this package."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

import medadapt

LIBRARIES = (
    "accelerate", "bitsandbytes", "datasets", "numpy", "peft", "safetensors", "scikit-learn", "scipy",
    "tokenizers", "torch", "transformers",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Name -> version. Read from the installed packages' metadata, so nothing is imported."""
    found = {"medadapt": medadapt.__version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_commit() -> str | None:
    """Commit of the checkout this package runs from, `-dirty` where it was changed; None without one."""
    folder = Path(medadapt.__file__).parent
    # An installed package may lie inside somebody else's repository: only a tracked file proves it is ours.
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    return _git(folder, "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # no git on this machine, or one that does not answer: the commit is only a convenience
    return done.stdout.strip() or None if done.returncode == 0 else None
