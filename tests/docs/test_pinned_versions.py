"""A page has no other version installed than the lock or an extra of the package names."""

from __future__ import annotations

import re
import tomllib

import pytest
from shell_blocks import REPOSITORY, commands_of

PIN = re.compile(r"([\w.-]+)==([\w.]+)")
LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = "\n".join(line for lines in PROJECT["optional-dependencies"].values() for line in lines)
NAMED = dict(PIN.findall(f"{LOCK}\n{EXTRAS}"))
"""Package -> its one version here."""
INSTALLATIONS = [
    (name, command.text)
    for path in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    for name in [path.relative_to(REPOSITORY).as_posix()]
    for command in commands_of(path, name=name)
    if "/pip install " in command.text
]


@pytest.mark.parametrize(("page", "command"), INSTALLATIONS, ids=[page for page, _ in INSTALLATIONS])
def test_every_package_is_installed_in_the_version_that_is_used_here(page: str, command: str):
    packages = command.partition("/pip install ")[2].split()

    assert packages == [f"{name}=={NAMED.get(name)}" for name in (one.partition("==")[0] for one in packages)]
