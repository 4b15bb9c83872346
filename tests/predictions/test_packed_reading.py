from __future__ import annotations

import pytest
import torch

from medadapt.models.packed.decoder import packed_decoder
from medadapt.models.sizes import rounded_up
from medadapt.predictions.packed_reading import packed_row_states


@pytest.mark.parametrize(
    ("rows", "num_read"),
    [
        ([[7] * 40 + [1], [7] * 40 + [2]], 42),
        ([[7] * 15 + [1] * 18, [7] * 15 + [2] * 18], 66),  # a short beginning
        ([[7] * 20 + [1] * 495, [7] * 20 + [2] * 495], 1030),  # 2 % of the tokens
        ([[7] * 60 + [1] * 455, [7] * 60 + [2] * 455], 970),  # 6 %
    ],
)
def test_a_common_beginning_is_read_once_where_that_saves_enough(tiny, rows, num_read):
    model = tiny("llama").model
    packed, read = packed_decoder(model), []
    model.get_input_embeddings().register_forward_pre_hook(lambda _, given: read.append(given[0].numel()))
    with torch.no_grad():
        packed_row_states(packed, rows, [(0, 0), (1, 0)])
    assert read == [rounded_up(num_read, least=32)]
