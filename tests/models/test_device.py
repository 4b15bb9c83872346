"""Which number format a device gets, and how much memory there is."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from medadapt.models import device
from medadapt.models.device import device_facts, resolve_dtype

GPU, CPU = torch.device("cuda"), torch.device("cpu")
PROBES = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")


@pytest.mark.parametrize(
    ("instructions", "dtype"),
    [((False, False), torch.float32), ((False, True), torch.bfloat16), ((True, True), torch.bfloat16)],
)
def test_a_processor_works_in_bf16_only_where_it_has_instructions_for_it(monkeypatch, instructions, dtype):
    for probe, there in zip(PROBES, instructions, strict=True):
        monkeypatch.setattr(torch.cpu, probe, lambda there=there: there)
    assert resolve_dtype("auto", CPU) is dtype
    assert resolve_dtype("bf16", CPU) is torch.bfloat16


@pytest.mark.parametrize(("capability", "dtype"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16)])
def test_a_gpu_older_than_ampere_works_in_fp16(monkeypatch, capability, dtype):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert resolve_dtype("auto", GPU) is dtype


def test_bf16_that_is_asked_for_on_an_older_gpu_is_taken_and_known_to_be_slow(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    properties = SimpleNamespace(name="Tesla T4", total_memory=16 << 30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    assert resolve_dtype("bf16", GPU) is torch.bfloat16
    assert not device_facts(GPU).fast_bf16


def test_fp32_stays_fp32_everywhere():
    assert resolve_dtype("fp32", CPU) is resolve_dtype("fp32", GPU) is torch.float32


GROUPS = {
    "version 2, of a job": (
        "0::/slurm/job_7\n",
        {"memory.max": "max", "slurm/memory.max": "64000", "slurm/job_7/memory.max": "16000"},
        16000,
    ),
    "version 2, of a group around it": (
        "0::/slurm/job_7\n",
        {"slurm/memory.max": "8000", "slurm/job_7/memory.max": "16000"},
        8000,
    ),
    "version 1, of a job": (
        "4:memory:/slurm/job_7\n1:cpu,cpuacct:/elsewhere\n0::/\n",
        {
            "memory/memory.limit_in_bytes": "9223372036854771712",
            "memory/slurm/job_7/memory.limit_in_bytes": "16000",
            "memory/elsewhere/memory.limit_in_bytes": "5",
        },
        16000,
    ),
    "a container, named as on its host": ("0::/docker/ab12\n", {"memory.max": "16000"}, 16000),
    "no limit": ("0::/\n", {"memory.max": "max"}, math.inf),
    "another system": (None, {}, math.inf),
}


@pytest.mark.parametrize("name", GROUPS)
def test_memory_ends_at_the_tightest_limit_of_the_control_groups(name, tmp_path):
    places, files, limit = GROUPS[name]
    process, root = tmp_path / "cgroup", tmp_path / "root"
    if places is not None:
        process.write_text(places, encoding="utf-8")
    for place, text in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(f"{text}\n", encoding="utf-8")
    assert device._control_group_limit(process, root) == limit


def test_a_process_has_no_more_memory_than_its_control_group(monkeypatch):
    monkeypatch.setattr(device, "_control_group_limit", lambda: 16000.0)
    assert device_facts(CPU).total_memory == 16000
