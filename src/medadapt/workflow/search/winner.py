"""The winning trial as a run of its own: its adapter loaded alone gives the trial's figure again."""

from __future__ import annotations

from medadapt.core.errors import RunFolderError
from medadapt.core.recipe import Recipe
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.search.book import Trial
from medadapt.workflow.search.room import Share
from medadapt.workflow.state import read_state

EXACT = 1e-6
"""Most that the figure may differ, relative to itself, where the weights are held in fp32."""
ROUNDED = 1e-3
"""The same for shorter number formats, whose rounding depends on how the batches are cut."""


def reloaded_loss(recipe: Recipe, winner: RunFolder, trial: Trial, *, share: Share, smoke: bool) -> float:
    """The validation loss of the winner's adapter on a base loaded anew, in nats for each answer token.

    Raises RunFolderError where it is not the figure that the trial won with: then another adapter is in the
    folder than the one that was measured, or this machine reckons otherwise, and nothing after it would be worth
    anything.
    """
    import torch

    from medadapt.examples.token_sets import TokenSet
    from medadapt.models.adapter import load_adapter
    from medadapt.models.loading import load_base
    from medadapt.models.packed.decoder import packed_decoder
    from medadapt.training.memory import MemoryPlan
    from medadapt.training.validation import validation_loss

    state = read_state(winner)
    if state is None or trial.validation_loss is None:
        raise RuntimeError(f"trial {trial.id} was chosen without a run or a figure")
    threads = torch.get_num_threads()
    torch.set_num_threads(share.threads)
    try:
        base = load_base(
            recipe.model, base=str(winner.base) if smoke else recipe.model.base, device=share.device
        )
        load_adapter(base, winner.adapter)
        # Cut as the trial's own validation was, so that rounding is the same.
        plan = MemoryPlan(
            micro_tokens=state.facts["micro_tokens"],
            checkpointing=False,
            padding=state.facts["training"].get("padding"),
        )
        packed = packed_decoder(base.model) if recipe.training.backend == "native" else None
        loss = validation_loss(base.model, TokenSet(winner.examples / "validation"), plan, packed=packed)
    finally:
        torch.set_num_threads(threads)
    exact = base.dtype == torch.float32 and recipe.model.quantization == "none"
    if abs(loss - trial.validation_loss) > (EXACT if exact else ROUNDED) * max(abs(loss), 1.0):
        raise RunFolderError(
            f"The adapter of trial {trial.id} has a validation loss of {loss:.6f} when it is loaded alone, but the "
            f"trial measured {trial.validation_loss:.6f}.",
            "the figure that the trial was chosen for",
            "Go on with the search on the machine and the versions that trained the trial, or search anew in another "
            "folder with -o.",
        )
    return loss
