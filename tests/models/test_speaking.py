import torch

from medadapt.models.lora import attach_lora, lora_layers
from medadapt.models.speaking import speaking_as
from medadapt.models.targets import resolve_targets
from tiny import tiny_llama

TOKENS = torch.tensor([[5, 6, 7]])


@torch.no_grad()
def test_the_baseline_speaks_without_the_adapter_and_gives_it_back():
    model = tiny_llama()
    plain = model(TOKENS).logits
    attach_lora(model, resolve_targets(model, "all-linear"), rank=2, alpha=4, dropout=0.0, seed=0)
    for _, layer in lora_layers(model):
        torch.nn.init.normal_(layer.lora_B)
    tuned = model(TOKENS).logits
    with speaking_as(model, "baseline"):
        assert not any(lora_layers(model))
        assert torch.equal(model(TOKENS).logits, plain)
    assert torch.equal(model(TOKENS).logits, tuned)
    with speaking_as(model, "tuned"):
        assert torch.equal(model(TOKENS).logits, tuned)
    assert not torch.equal(plain, tuned)
