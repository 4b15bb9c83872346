"""Which number format a device gets."""

from __future__ import annotations

import pytest
import torch

from medadapt.models.device import resolve_dtype

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


def test_fp32_stays_fp32_everywhere():
    assert resolve_dtype("fp32", CPU) is resolve_dtype("fp32", GPU) is torch.float32
