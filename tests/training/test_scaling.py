"""fp16's loss scale: its bookkeeping, and the engine's use of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from medadapt.core.errors import DataError, DivergedError, ModelError
from medadapt.core.recipe import TrainingSection
from medadapt.examples.masking import IGNORED
from medadapt.models.lora import adapter_tensors, attach_lora
from medadapt.models.targets import resolve_targets
from medadapt.training.engine import Engine, TrainingState, train_steps
from medadapt.training.memory import MemoryPlan
from medadapt.training.optimizer import make_optimizer
from medadapt.training.scaling import FIRST_SCALE, GOOD_STEPS_TO_DOUBLE, LossScale, after_step, first_scale
from tiny import random_rows, tiny_llama, write_rows


def test_only_fp16_is_scaled():
    assert first_scale("fp16").scale == FIRST_SCALE
    for precision in ("bf16", "fp32"):
        assert after_step(first_scale(precision), overflowed=False) == LossScale()


def test_an_overflow_halves_the_scale_and_good_steps_double_it():
    state = after_step(first_scale("fp16"), overflowed=True)
    assert (state.scale, state.skipped, state.skips_in_a_row) == (FIRST_SCALE / 2, 1, 1)
    for _ in range(GOOD_STEPS_TO_DOUBLE):
        state = after_step(state, overflowed=False)
    assert (state.scale, state.skipped, state.skips_in_a_row) == (FIRST_SCALE, 1, 0)


def scaled_training(tmp_path, *, overflows: set[int], dtype=torch.float32, learning_rate=1e-2):
    """A training with dynamic scaling in which the gradient of some steps is made to overflow."""
    model = tiny_llama(dtype=dtype)
    attach_lora(model, resolve_targets(model, "all-linear"), rank=4, alpha=8, dropout=0.0, seed=0)
    parameters = adapter_tensors(model)
    engine = Engine(
        model=model,
        optimizer=make_optimizer(parameters, weight_decay=0.0),
        training=TrainingSection(epochs=3, batch_size=4, learning_rate=learning_rate),
        rows=write_rows(tmp_path / "rows", random_rows(16)),
        seed=0,
    )
    state = TrainingState(memory=MemoryPlan(micro_tokens=500), scale=first_scale("fp16"))
    first = next(iter(parameters.values()))
    first.register_hook(lambda gradient: gradient * float("inf") if state.step + 1 in overflows else gradient)
    return engine, state, parameters


def test_a_step_whose_gradient_overflows_is_skipped_and_counted(tmp_path):
    engine, state, parameters = scaled_training(tmp_path, overflows={3})
    weights = []
    for result in train_steps(engine, state, note=[].append):
        assert result.skipped == (result.step == 3)
        assert (result.grad_norm is None) == result.skipped
        weights.append({name: tensor.detach().clone() for name, tensor in parameters.items()})
    assert all(torch.equal(weights[2][name], weights[1][name]) for name in parameters)
    assert not all(torch.equal(weights[3][name], weights[2][name]) for name in parameters)
    assert state.scale.skipped == 1


def test_an_update_too_small_for_fp16_is_no_layer_that_is_cut_off(tmp_path):
    engine, state, parameters = scaled_training(
        tmp_path, overflows=set(), dtype=torch.float16, learning_rate=1e-9
    )
    done = train_steps(engine, state, note=[].append)
    next(done)
    assert not any(tensor.half().any() for name, tensor in parameters.items() if "lora_B" in name)
    assert any(tensor.any() for name, tensor in parameters.items() if "lora_B" in name)
    assert not next(done).skipped


def test_a_layer_that_is_cut_off_ends_the_training(tmp_path):
    engine, state, parameters = scaled_training(tmp_path, overflows=set())
    name, cut_off = next((name, tensor) for name, tensor in parameters.items() if "lora_A" in name)
    cut_off.register_hook(torch.zeros_like)
    with pytest.raises(ModelError, match="1 adapted layers get no gradient") as raised:
        list(train_steps(engine, state, note=[].append))
    assert state.step == 1
    assert name.split(".lora_A")[0].endswith(raised.value.problem.split("the first is ")[1].rstrip("."))


def test_a_step_with_nothing_to_learn_is_refused_by_its_records(tmp_path):
    engine, state, _ = scaled_training(tmp_path, overflows=set())
    empty = [{**row, "labels": [IGNORED] * len(row["input_ids"])} for row in random_rows(16)]
    engine = replace(engine, rows=write_rows(tmp_path / "empty", empty))
    with pytest.raises(DataError, match="Step 1 has no answer token to learn from, on records"):
        list(train_steps(engine, state, note=[].append))


def test_ten_skipped_steps_in_a_row_end_the_training(tmp_path):
    engine, state, _ = scaled_training(tmp_path, overflows=set(range(1, 100)))
    with pytest.raises(DivergedError, match="10 steps in a row, the last is step 10"):
        list(train_steps(engine, state, note=[].append))
    assert state.scale.skipped == 10


def test_without_dynamic_scaling_a_gradient_that_is_no_number_ends_the_training(tmp_path):
    engine, state, parameters = scaled_training(tmp_path, overflows={2})
    state.scale = LossScale()
    course = train_steps(engine, state, note=[].append)
    next(course)
    before = {name: tensor.detach().clone() for name, tensor in parameters.items()}
    with pytest.raises(DivergedError, match=r"gradient norm is (inf|nan) in step 2") as raised:
        next(course)
    assert raised.value.exit_code == 4
    assert state.step == 1
    assert all(torch.equal(parameters[name], before[name]) for name in before)


def test_scaling_does_not_change_what_is_learned(tmp_path):
    scaled, state, parameters = scaled_training(tmp_path / "scaled", overflows=set())
    plain, plain_state, plain_parameters = scaled_training(tmp_path / "plain", overflows=set())
    plain_state.scale = LossScale()
    norms = [
        [result.grad_norm for result in train_steps(engine, own, note=[].append)]
        for engine, own in ((scaled, state), (plain, plain_state))
    ]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)
    for name in parameters:
        torch.testing.assert_close(parameters[name], plain_parameters[name], rtol=1e-3, atol=1e-5)
