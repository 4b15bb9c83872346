"""Every command in README, tutorials and how-to pages runs, in order, without a network."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from shell_blocks import REPOSITORY, blocks, commands_of, needs_a_shell, split_commands
from substitutions import (
    FILES_OF_THE_READER,
    PAGES_WITH_A_FINISHED_RUN,
    SUBSTITUTIONS,
    instead_of,
)

from medadapt.samples.bundled import FOLDER

DOCUMENTS = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs" / "tutorials").glob("*.md")),
    *sorted((REPOSITORY / "docs" / "how-to").glob("*.md")),
]
NAMES = [path.relative_to(REPOSITORY).as_posix() for path in DOCUMENTS]
SLOW = {
    f"docs/how-to/{name}.md"
    for name in ("choose-a-base", "compare-runs", "dialogues", "search-hyperparameters")
}
"""Pages with more than a few seconds of work."""

OPENING = "import socket\nsocket.socket.connect = socket.getaddrinfo = None\n"
"""Runs first in every Python that a command starts: no connection can be made."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:
    """An empty folder to stand in, with the files that readers bring along."""
    monkeypatch.chdir(tmp_path)
    for name, sample in FILES_OF_THE_READER.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FOLDER / "rows" / sample, tmp_path / name)
    return tmp_path


def in_a_shell(text: str, place: Path) -> int:
    """Run a command by bash; its Python processes can connect to nothing."""
    start = place / ".start"
    start.mkdir(exist_ok=True)
    (start / "sitecustomize.py").write_text(OPENING)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=place,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(start)},
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=120,
    )
    return done.returncode


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in NAMES]
)
def test_commands_of_the_page_run(
    name: str,
    place: Path,
    copy_of_run: Callable[[Path], None],
    medadapt: Callable[[list[str]], int],
    capfd: pytest.CaptureFixture[str],
):
    if folder := PAGES_WITH_A_FINISHED_RUN.get(name):
        copy_of_run(place / folder)
    for command in commands_of(REPOSITORY / name, name=name):
        text, _ = instead_of(command.text)
        if text is None:
            continue
        words = shlex.split(text) if not needs_a_shell(text) else []
        code = medadapt(words[1:]) if words[:1] == ["medadapt"] else in_a_shell(text, place)
        told = capfd.readouterr()
        assert code == 0, f"{command.text}\nran as: {text}\n{told.out[-1500:]}\n{told.err[-3000:]}"
        for line in command.told.splitlines():
            assert line in told.out + told.err, command.text


def test_every_substitution_is_used():
    texts = [command.text for name in NAMES for command in commands_of(REPOSITORY / name, name=name)]

    used = {id(one) for text in texts if (one := instead_of(text)[1])}

    assert [one.found for one in SUBSTITUTIONS if id(one) not in used] == []


def test_every_page_that_is_given_a_run_names_it():
    for name, folder in PAGES_WITH_A_FINISHED_RUN.items():
        assert folder in (REPOSITORY / name).read_text(encoding="utf-8"), name


def test_every_file_of_the_reader_is_read():
    texts = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)

    assert [name for name in FILES_OF_THE_READER if name not in texts] == []


def test_an_unknown_command_fails(place: Path):
    assert in_a_shell("medadapt no-such-command 2> /dev/null", place) == 2


def test_a_command_in_a_shell_reaches_no_network(place: Path):
    call = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    assert in_a_shell(f'python -c "{call}" 2> told', place) == 1
    assert "TypeError" in (place / "told").read_text()


def test_a_command_here_reaches_no_network(offline: None):
    import socket

    with pytest.raises(AssertionError, match=re.escape("192.0.2.1")):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_a_block_of_text_is_what_the_command_before_it_tells(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("```bash\nmedadapt prepare a\n```\n\n```text\n3 rows\n```\n")

    assert [command.told for command in commands_of(page, name="page")] == ["3 rows\n"]


def test_continued_lines_comments_and_here_documents_are_one_command_each():
    content = "# first\nmedadapt run a \\\n    --smoke   # why\n\ncat > x <<'END'\n# kept\nEND\nls\n"

    assert list(split_commands(content)) == ["medadapt run a --smoke", "cat > x <<'END'\n# kept\nEND", "ls"]


def test_a_hash_inside_a_word_is_no_comment():
    assert list(split_commands("ls a#b\n")) == ["ls a#b"]


def test_a_block_of_commands_in_other_words_is_refused(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("```\nmedadapt run x\n```\n")

    with pytest.raises(ValueError, match="must be called bash"):
        commands_of(page, name="page.md")


def test_quoted_signs_need_no_shell():
    assert not needs_a_shell('medadapt ask runs/mine "a" --options "one;two"')
    assert needs_a_shell("medadapt recipes schema > recipe.schema.json")


def test_a_block_keeps_its_language():
    assert blocks("a\n```yaml\nx: 1\n```\nb\n```bash\nls\n```\n") == [("yaml", "x: 1\n"), ("bash", "ls\n")]
