"""Commands that are told to a user can be copied into a shell."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import medadapt
from medadapt.core.errors import DataError
from medadapt.core.records import read_records
from medadapt.core.shell_command import command, install

UNQUOTED = re.compile(r"[`:] ?medadapt [a-z]+ (?!RUN)[^`\n]*\{")
"""A command in a message with something put in as it is."""


def test_a_path_with_spaces_stays_one_word():
    words = ["predict", Path("my runs/a's"), "--seeds", 3]
    assert shlex.split(command(*words)) == ["medadapt", *map(str, words)]


def test_what_installs_an_extra_is_the_same_in_a_shell_to_which_brackets_mean_files():
    assert install("search") == "pip install 'medadapt[search]'"


def test_the_remedy_of_an_error_can_be_copied(tmp_path: Path):
    run = tmp_path / "my runs" / "a"
    with pytest.raises(DataError) as refused:
        list(read_records(run / "1-records" / "train.jsonl"))
    assert f"`medadapt prepare '{run}'`" in refused.value.remedy


def test_no_message_puts_a_path_into_a_command_as_it_is():
    sources = Path(medadapt.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if UNQUOTED.search(path.read_text(encoding="utf-8"))] == []
