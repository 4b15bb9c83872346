"""Pictures of what a person sees of a finished demo: the terminal as SVG, the top of the report and the page as PNG.

    medadapt demo && python docs/pictures.py runs/demo

The terminal is captured from a real one of 100 columns. Report and page need Chromium; without one their pictures
stay as they are, and that is said.
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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
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
PAGE_SIZE = (1180, 1260)
ASKED = "itching; red rash; blisters"
SESSIONS = {
    "ask": [f'medadapt ask runs/demo "{ASKED}" --model both'],
    "passages": [
        "medadapt index runs/demo",
        f'medadapt ask runs/demo "{ASKED}" --index runs/demo/index',
    ],
    "serve": [
        "curl -s http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\\n"
        f"""  -d '{{"model": "tuned", "messages": [{{"role": "user", "content": "{ASKED}"}}]}}' | python -m json.tool"""
    ],
    "export": ["medadapt export runs/demo --to merged", "ls runs/demo-merged"],
}
"""Picture of a how-to page -> what is typed; `serve` is asked while `medadapt serve runs/demo` runs."""
SYMPTOMS = ("itching", "red rash", "blisters")
"""Picked on the page for its picture, as far as the demo's records name them."""


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
    for name, commands in SESSIONS.items():
        (PICTURES / f"{name}.svg").write_text(
            as_svg(session(commands, run), title="medadapt"), encoding="utf-8"
        )
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("Chromium was not found; the pictures of report and page were left as they are.")
    photograph(browser, run / "6-report" / "index.html", PICTURES / "report.png")
    photograph_page(browser, run, PICTURES / "page.png")


def captured(command: list[str], folder: Path, variables: Mapping[str, str] | None = None) -> str:
    """What a command writes to a terminal of fixed size, escape codes included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "COLUMNS": str(COLUMNS),
        **(variables or {}),
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


def session(commands: list[str], run: Path) -> Text:
    """What is typed into a terminal, and what it writes."""
    told = Text()
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(run) if any(line.startswith("curl") for line in commands) else nullcontext(),
    ):
        (Path(folder) / "runs").mkdir()
        shutil.copytree(run, Path(folder) / "runs" / "demo", ignore=shutil.ignore_patterns("index"))
        for line in commands:
            told.append(f"$ {line}\n", style="bold")
            written = captured(["sh", "-c", line], Path(folder), environment)
            told.append_text(Text.from_ansi(written.replace("\r\n", "\n").replace(f"{folder}/", "")))
            told.append("\n")
    return told


@contextmanager
def serving(run: Path) -> Iterator[None]:
    """`medadapt serve` at its usual port."""
    served = subprocess.Popen(
        [sys.executable, "-m", "medadapt", "serve", str(run)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert served.stdout is not None
        if "http://127.0.0.1:8000" not in served.stdout.readline():
            sys.exit("medadapt serve did not start at port 8000.")
        yield
    finally:
        served.terminate()
        served.wait()


def shown_part(told: str) -> Text:
    """The lines from the verdict to the answered questions."""
    lines = Text.from_ansi(told.replace("\r\n", "\n")).split("\n")
    first = next(number for number, line in enumerate(lines) if FIRST in line.plain)
    last = next(number for number, line in enumerate(lines) if line.plain.startswith(LAST))
    return Text("\n").join(lines[first - 2 : last])


def as_svg(text: Text, *, title: str = "medadapt demo") -> str:
    """A terminal window with the text, in fonts that the reader's computer has."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(text, soft_wrap=False)
    svg = console.export_svg(title=title, theme=MONOKAI)
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


def photograph_page(browser: str, run: Path, picture: Path) -> None:
    """The page with a question answered, as `medadapt ui` shows it."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "medadapt"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as tools:
        index = Path(folder) / "index"
        subprocess.run([*command, "index", str(run), "-o", str(index)], check=True, capture_output=True)
        served = subprocess.Popen(
            [*command, "ui", str(run), "--index", str(index), "--port", "0", "--no-browser"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert served.stdout is not None
            url = served.stdout.readline().split()[0]
            window = tools.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
            page = window.new_page(
                viewport={"width": PAGE_SIZE[0], "height": PAGE_SIZE[1]}, color_scheme="light"
            )
            page.goto(url)
            picker = page.locator("#symptoms input")
            for symptom in SYMPTOMS:
                picker.click()
                picker.type(symptom)
                picker.press("Enter")
            picker.press("Escape")
            page.get_by_role("button", name="Ask").click()
            for model in ("baseline", "tuned"):
                page.locator(f'.panel.{model}[aria-busy="false"] [role="meter"]').first.wait_for()
            page.screenshot(path=picture)
            window.close()
        finally:
            served.terminate()


if __name__ == "__main__":
    main()
