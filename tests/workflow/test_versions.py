from __future__ import annotations

import re
import sys

from medadapt.workflow.versions import git_commit, versions


def test_versions_name_python_and_the_libraries_that_make_the_numbers():
    found = versions()
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"medadapt", "torch", "transformers", "peft", "numpy"} <= found.keys()


def test_commit_is_a_full_hash_or_absent():
    commit = git_commit()
    assert commit is None or re.fullmatch(r"[0-9a-f]{40}(-dirty)?", commit)
