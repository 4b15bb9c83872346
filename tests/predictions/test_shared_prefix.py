from __future__ import annotations

import pytest
import torch
from torch import nn

from medadapt.models.continuing import can_continue, continued_hidden
from medadapt.models.forward import final_hidden
from medadapt.predictions.shared_prefix import SharedPrefix

SHOWN = list(range(100, 240))


class Counting(nn.Module):
    """Input embeddings that count the tokens they read."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer, self.read = layer, 0

    def forward(self, tokens_BT: torch.Tensor) -> torch.Tensor:
        self.read += tokens_BT.numel()
        return self.layer(tokens_BT)


@pytest.fixture
def model(tiny):
    made = tiny("llama")
    can_continue(made.model)
    made.model.set_input_embeddings(Counting(made.model.get_input_embeddings()))
    return made


def test_the_shared_beginning_is_read_once_for_all_batches(model):
    shared, counting = SharedPrefix(model), model.model.get_input_embeddings()
    rows = [[*SHOWN, 1, 2], [*SHOWN, 3, 4, 5], [*SHOWN, 4, 4]]
    with torch.no_grad():
        for _ in range(3):
            kept = shared.cache(rows, most=141)
            assert kept.get_seq_length() == len(SHOWN)
            ours_BTH = continued_hidden(model.model, torch.tensor([row[-1:] for row in rows[:1] * 3]), kept)
    assert counting.read == len(SHOWN) + 3 * 3
    own_TH = final_hidden(model.model, torch.tensor([[*SHOWN, 2]]))[0, -1]
    torch.testing.assert_close(ours_BTH[0, 0], own_TH, rtol=1e-4, atol=1e-4)


def test_a_beginning_that_is_a_little_shorter_serves_as_long_as_that_is_less_work(model):
    shared, counting = SharedPrefix(model), model.model.get_input_embeddings()
    with torch.no_grad():
        shared.cache([[*SHOWN, 1], [*SHOWN, 2]], most=140)
        longer = shared.cache([[*SHOWN, 7, 1], [*SHOWN, 7, 2]], most=141)
        assert (longer.get_seq_length(), counting.read) == (140, 140)
        other = [[*SHOWN[:20], *range(60), n] for n in range(4)]
        assert shared.cache(other, most=80).get_seq_length() == 80
    assert counting.read == 140 + 80


@pytest.mark.parametrize(
    ("rows", "most"), [([[*SHOWN, 1]], 140), ([SHOWN[:9], SHOWN[:9]], 8), ([SHOWN, SHOWN], 127)]
)
def test_one_row_or_a_short_beginning_is_not_worth_a_pass_of_its_own(model, rows, most):
    assert SharedPrefix(model).cache(rows, most=most).get_seq_length() == 0
    assert model.model.get_input_embeddings().read == 0


def test_rows_do_not_write_into_each_other(model):
    shared = SharedPrefix(model)
    rows = [[*SHOWN, 1], [*SHOWN, 2]]
    with torch.no_grad():
        first = shared.cache(rows, most=140)
        before = first.layers[0].keys.clone()
        continued_hidden(model.model, torch.tensor([[1], [2]]), first)
        again = shared.cache(rows, most=140)
    assert torch.equal(again.layers[0].keys, before)


@pytest.mark.parametrize("model_type", ["gemma2", "mistral"])
def test_a_beginning_longer_than_the_attentions_window_changes_no_state(looking_back, model_type):
    model = looking_back(model_type)
    rows = [[*SHOWN, number, 7, 9] for number in (1, 2, 3)]
    with torch.no_grad():
        kept = SharedPrefix(model).cache(rows, most=len(SHOWN))
        assert kept.get_seq_length() == len(SHOWN)
        ends_BT = torch.tensor([row[len(SHOWN) :] for row in rows])
        ours_BTH = continued_hidden(model.model, ends_BT, kept)
        own_BTH = final_hidden(model.model, torch.tensor(rows))[:, len(SHOWN) :]
    torch.testing.assert_close(ours_BTH, own_BTH, rtol=1e-4, atol=1e-4)
