from __future__ import annotations

import json
import re

from medadapt.workflow.doctor import examination


def test_a_ready_machine_is_told_with_its_devices_and_packages(use):
    code, out, _ = use("doctor")
    assert code == 0
    assert re.search(r"cpu: .* threads; weights in (fp32|bf16), int8, nf4", out)
    assert "transformers 5." in " ".join(out.split())  # a narrow terminal breaks the line
    assert "Ready." in out


def test_a_problem_is_exit_code_2_and_stands_there_with_its_remedy(use, monkeypatch):
    installed = examination.installed_version
    monkeypatch.setattr(
        examination, "installed_version", lambda name: None if name == "peft" else installed(name)
    )
    code, out, _ = use("doctor")
    assert code == 2
    assert "Problem: peft is missing. pip install 'peft>=" in out
    assert "Ready." not in out


def test_json_holds_all_that_is_told(use):
    code, out, _ = use("doctor", "--json")
    told = json.loads(out)
    assert code == told["exit_code"] == 0
    assert told["devices"][-1]["device"] == "cpu"
    assert told["devices"][-1]["packed"] == {"int8": None, "nf4": None}
    assert {"problems", "advice", "rooms", "extras", "versions", "offline", "system"} <= set(told)
