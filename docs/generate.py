"""Write the reference pages that follow from the code: `python docs/generate.py`.

`--check` writes nothing: it names the pages that differ from the code and leaves with 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pages_from_code.commands_page import commands_page
from pages_from_code.exit_codes_page import exit_codes_page
from pages_from_code.files_page import files_page
from pages_from_code.metrics_page import metrics_page
from pages_from_code.python_page import python_page
from pages_from_code.recipe_page import recipe_page

FOLDER = Path(__file__).resolve().parent / "reference"
PAGES = {
    "recipe.md": recipe_page,
    "commands.md": commands_page,
    "files.md": files_page,
    "metrics.md": metrics_page,
    "exit-codes.md": exit_codes_page,
    "python.md": python_page,
}


def main(words: list[str]) -> int:
    """Write or check every page; returns the exit code."""
    differing = []
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        differing.append(name)
        if "--check" not in words:
            path.write_text(text, encoding="utf-8")
    done = "differs from the code" if "--check" in words else "written"
    for name in differing:
        sys.stdout.write(f"{done}: docs/reference/{name}\n")
    return 1 if differing and "--check" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
