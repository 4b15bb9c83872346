"""One command in a process of its own: its seconds, its peak memory, its exit code.

python benchmarks/timing.py COMMAND ...    a line of JSON, of a command that starts others
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def timed(arguments: list[str], *, threads: int | None = None) -> dict[str, Any]:
    """Run one command; its seconds, peak memory in MB and exit code.

    `peak_anonymous_mb` leaves out pages of files that are mapped into memory, such as token sets: the
    system takes those back whenever it needs the room. `threads` limits the threads of its arithmetic.
    """
    environment = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    return timed_command([sys.executable, "-m", "medadapt", *arguments], environment=environment)


def timed_command(
    command: list[str], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """What `timed` returns, of any command, run in `folder`."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
        watch = _Peaks(child.pid)
        watch.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        watch.join()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 3):
            output.seek(0)
            raise RuntimeError(f"{command} left with {child.returncode}:\n{output.read()[-3000:].decode()}")
    return {
        "seconds": round(seconds, 1),
        "peak_rss_mb": round(watch.resident_kb / 1024) or peak_mb(usage),
        "peak_anonymous_mb": round(watch.anonymous_kb / 1024) or None,
        "exit_code": child.returncode,
    }


def timed_tree(command: list[str], *, folder: Path) -> dict[str, Any]:
    """Seconds, exit code and `peak_tree_mb` of a command that starts others, such as make: the memory of the largest.

    Linux counts a process as no smaller than the one that started it was then. So a small one starts the command.
    """
    done = subprocess.run(
        [sys.executable, __file__, *command], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command} left with {done.returncode}:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _tell(command: list[str]) -> int:
    """Run a command, its output on stderr, and print what `timed_tree` returns."""
    started = time.perf_counter()
    code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    seconds = round(time.perf_counter() - started, 1)
    peak = peak_mb(resource.getrusage(resource.RUSAGE_CHILDREN))
    print(json.dumps({"seconds": seconds, "peak_tree_mb": peak, "exit_code": code}))
    return code


def peak_mb(usage: resource.struct_rusage) -> int:
    """Peak resident memory in MB; the system counts kilobytes on Linux and bytes on macOS."""
    return round(usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10))


class _Peaks(threading.Thread):
    """Watches the memory of a process, ten times a second, until it ends (Linux only)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.resident_kb = self.anonymous_kb = 0
        self._status = Path(f"/proc/{pid}/status")

    def run(self) -> None:
        while now := self._now():
            self.resident_kb = max(self.resident_kb, now["VmHWM"])
            self.anonymous_kb = max(self.anonymous_kb, now["RssAnon"])
            time.sleep(0.1)

    def _now(self) -> dict[str, int]:
        """Kilobytes by name; nothing once the process has ended."""
        try:
            lines = [line.split() for line in self._status.read_text(encoding="utf-8").splitlines()]
        except OSError:
            return {}
        found = {words[0].rstrip(":"): int(words[1]) for words in lines if words[0] in {"VmHWM:", "RssAnon:"}}
        return found if len(found) == 2 else {}


if __name__ == "__main__":
    sys.exit(_tell(sys.argv[1:]))
