"""Pictures of what a person sees of a finished demo: the terminal as SVG, the top of the report as PNG.

    medadapt demo && python docs/pictures.py runs/demo

The terminal is captured from a real one of 100 columns. The report needs Chromium; without one its picture
stays as it is, and that is said.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

PICTURES = Path(__file__).resolve().parent / "pictures"
COLUMNS, ROWS = 100, 60
FIRST, LAST = "test records", "How to go on"
"""The capture begins with the frame above the verdict and ends before the commands to go on with."""
REPORT_SIZE = (1100, 1250)
"""Width and height of the report's picture in pixels."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="the run folder of a finished `medadapt demo`")
    run = parser.parse_args().run.resolve()
    PICTURES.mkdir(exist_ok=True)
    told = captured([sys.executable, "-m", "medadapt", "demo", "-o", run.name], run.parent)
    told = told.replace(f"{run.parent}/", "~/runs/")  # the reader's folder is not this computer's
    (PICTURES / "demo.svg").write_text(as_svg(shown_part(told)), encoding="utf-8")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium was not found; the report's picture was left as it is.")
    photograph(browser, run / "6-report" / "index.html", PICTURES / "report.png")


def captured(command: list[str], folder: Path) -> str:
    """What a command writes to a terminal of fixed size, escape codes included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": str(COLUMNS),
    }
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the terminal is closed at its other end
            break
        if not piece:
            break
        pieces.append(piece)
    if process.wait() not in (0, 3):
        sys.exit(f"{command} failed")
    return b"".join(pieces).decode("utf-8")


def shown_part(told: str) -> Text:
    """The lines from the verdict to the answered questions."""
    lines = Text.from_ansi(told.replace("\r\n", "\n")).split("\n")
    first = next(number for number, line in enumerate(lines) if FIRST in line.plain)
    last = next(number for number, line in enumerate(lines) if line.plain.startswith(LAST))
    return Text("\n").join(lines[first - 2 : last])


def as_svg(text: Text) -> str:
    """A terminal window with the text, in fonts that the reader's computer has."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(text, soft_wrap=False)
    svg = console.export_svg(title="medadapt demo", theme=MONOKAI)
    # Rich names a font on a server; a picture of this project fetches nothing.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def photograph(browser: str, page: Path, picture: Path) -> None:
    """The top of a page as an image."""
    width, height = REPORT_SIZE
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
             f"--user-data-dir={profile}", f"--window-size={width},{height}", "--hide-scrollbars",
             f"--screenshot={picture}", page.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
