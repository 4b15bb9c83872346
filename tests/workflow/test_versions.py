from __future__ import annotations

import subprocess
import sys

import medadapt
from medadapt.workflow.versions import git_commit, versions


def test_versions_name_python_and_the_libraries_that_make_the_numbers():
    found = versions()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"medadapt", "torch", "transformers", "peft", "numpy"} <= found.keys()


def git(folder, *words):
    """What git says to these words in a folder."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_is_that_of_our_own_checkout_and_says_where_it_was_changed(tmp_path, monkeypatch):
    code = tmp_path / "medadapt" / "__init__.py"
    code.parent.mkdir()
    code.write_text("")
    monkeypatch.setattr(medadapt, "__file__", str(code))
    assert git_commit() is None
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "of somebody who has the package installed")
    assert git_commit() is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "ours")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_commit() == commit
    code.write_text("changed = True\n")
    assert git_commit() == f"{commit}-dirty"
