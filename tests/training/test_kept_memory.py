"""What is no longer needed is let go of before the next piece of work takes memory."""

from __future__ import annotations

import weakref

import torch

from medadapt.core.recipe import TrainingSection
from medadapt.models.lora import adapter_tensors
from medadapt.training import engine
from medadapt.training.engine import Engine, TrainingState, accumulate_gradient, train_steps
from medadapt.training.memory import MemoryPlan
from medadapt.training.optimizer import make_optimizer
from medadapt.training.scaling import first_scale
from tiny import random_rows, tiny_llama, write_rows
from training.test_gradients import adapted


def test_the_graph_of_a_micro_batch_is_gone_when_the_next_one_begins(monkeypatch):
    plain, losses, left = engine.rows_nll, [], []

    def watched(*some, **options):
        left.append(sum(one() is not None for one in losses))
        loss = plain(*some, **options)
        losses.append(weakref.ref(loss))
        return loss

    monkeypatch.setattr(engine, "rows_nll", watched)
    accumulate_gradient(
        adapted(tiny_llama, torch.float32), random_rows(3), memory=MemoryPlan(micro_tokens=1), step=1, seed=0
    )
    assert left == [0, 0, 0]


def test_gradients_are_gone_when_the_next_step_begins(tmp_path):
    model = adapted(tiny_llama, torch.float32)
    parameters = adapter_tensors(model)
    gradients = []
    for parameter in parameters.values():
        parameter.register_post_accumulate_grad_hook(lambda one: gradients.append(weakref.ref(one.grad)))
    course = train_steps(
        Engine(
            model=model,
            optimizer=make_optimizer(parameters, weight_decay=0.0),
            training=TrainingSection(batch_size=4),
            rows=write_rows(tmp_path, random_rows(8)),
            seed=0,
        ),
        TrainingState(memory=MemoryPlan(micro_tokens=4096), scale=first_scale("fp32")),
        note=print,
    )
    next(course)
    assert len(gradients) == len(parameters)
    assert not any(one() is not None for one in gradients)
