"""What a result was measured on and with: all that is needed to reproduce it.

    python benchmarks/machine.py    a line of JSON

Told by a process of its own, so that the one which starts the measurements holds no large library.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MACHINE_ID = Path("/etc/machine-id")
DIGITS = 32
"""Of its number."""
RESULTS = ("benchmarks/results", "benchmarks/RESULTS.md", "docs/explanation/figures/engine_and_trl.png")
"""What changes in the checkout from one measurement to the next."""
SOURCES = ("src", "benchmarks", "requirements.lock")
"""What a measurement depends on."""


def facts() -> dict[str, Any]:
    """The machine, the versions of what was measured, and when. Raises RuntimeError where they cannot be had."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"machine.py left with {done.returncode}: {done.stderr.strip()[-1500:]}")
    today = datetime.now(UTC).date().isoformat()
    return {
        **json.loads(done.stdout),
        "host": _host(),
        "commit": _commit(),
        "sources": _sources(),
        "measured": today,
    }


def _host() -> str | None:
    """Tells two machines with the same folder apart, and nothing else about them; None where they have no number.

    The file is there without a number in images that get one at their first start.
    """
    number = MACHINE_ID.read_bytes() if MACHINE_ID.is_file() else b""
    if len(number.strip()) != DIGITS:
        return None
    return hashlib.sha256(b"medadapt benchmarks " + number).hexdigest()[:8]


def are_one(abouts: Iterable[Mapping[str, Any]]) -> bool:
    """Whether results may all be of one machine; one from before that was told counts as of any."""
    return len({about.get("host") for about in abouts} - {None}) < 2


def folder_of(about: Mapping[str, Any]) -> str:
    """The name of the folder that holds the results of a machine."""
    kind = " ".join([
        about["device"], about["vectors"], *about["instructions"], f"{about['threads']} threads"
    ])  # fmt: skip
    return re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")


def commit_of(about: Mapping[str, Any]) -> str:
    """The commit in short, and whether something was changed since.

    >>> commit_of({"commit": "0123456789abcdef-dirty"})
    '0123456789 with changes that were not committed'
    """
    commit, _, changed = str(about["commit"]).partition("-")
    return commit[:10] + (" with changes that were not committed" if changed else "")


def _commit() -> str:
    """Of the checkout; `-dirty` where anything but the results was changed, `unknown` in a copy without git."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--", ".", *(f":!{path}" for path in RESULTS))
    except (subprocess.CalledProcessError, FileNotFoundError):
        return "unknown"
    return f"{commit}-dirty" if changed else commit


def _sources() -> str | None:
    """A number of all that is measured; None where a file of it was changed, and in a copy without git."""
    paths = [*SOURCES, *(f":!{path}" for path in RESULTS)]
    try:
        if _git("status", "--porcelain", "--", *paths):
            return None
        return hashlib.sha256(_git("ls-files", "--stage", "--", *paths).encode()).hexdigest()[:12]
    except (subprocess.CalledProcessError, FileNotFoundError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(HERE.parent), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _tell() -> None:
    import torch

    from medadapt.models.device import device_facts, pick_device
    from medadapt.workflow.versions import versions

    device = device_facts(pick_device("auto"))
    there = {"AMX": torch.cpu._is_amx_tile_supported(), "AVX512-BF16": torch.cpu._is_avx512_bf16_supported()}
    print(
        json.dumps(
            {
                "device": device.name,
                "threads": device.threads,
                "vectors": torch.backends.cpu.get_cpu_capability(),
                "memory_gb": round(device.total_memory / 2**30, 1),
                "instructions": [name for name, is_there in there.items() if is_there],
                "cuda": torch.cuda.is_available(),
                "versions": versions(),
            }
        )
    )


if __name__ == "__main__":
    _tell()
