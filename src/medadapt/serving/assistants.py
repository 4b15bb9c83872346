"""TARGET -> a base with its adapter, ready to answer as the baseline and as the tuned model."""

from __future__ import annotations

from dataclasses import dataclass

from medadapt.core.errors import ModelError
from medadapt.core.recipe import ModelSection
from medadapt.examples.encoding import Encoder
from medadapt.examples.general_plan import general_plan
from medadapt.models.adapter import load_adapter
from medadapt.models.base_files import CONFIG, find_folder, read_base_config
from medadapt.models.device import pick_device
from medadapt.models.loading import LoadedBase, load_base
from medadapt.models.placement import MAKES_ROOM
from medadapt.models.quantization import published_quantization
from medadapt.serving.asking import Asking
from medadapt.serving.command_targets import Target

SYSTEM_TURNS = (
    "Dialogues that this model was trained on open with system turns, and not all with the same: it is asked without "
    "one. The API takes one, as a message of the role system."
)
"""What to say where it depends on the conversation what it opens with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistant:
    """A loaded base with its adapter, and how both are asked."""

    base: LoadedBase
    encoder: Encoder
    asking: Asking
    notes: tuple[str, ...]


def load(target: Target, *, device: str = "auto") -> Assistant:
    """Load what TARGET names. Raises ModelError where base and adapter do not fit each other."""
    pick_device(device)  # a base named otherwise would not mend a missing device
    model = target.model
    try:
        if target.as_published:
            model = _as_published(model)
        base = load_base(model, base=target.base, device=device)
    except ModelError as problem:
        if MAKES_ROOM in problem.remedy:
            remedy = problem.remedy.replace(MAKES_ROOM, _makes_room(target, model, device))
            raise ModelError(problem.problem, problem.expected, remedy) from problem
        if target.base is not None:
            raise
        raise ModelError(
            problem.problem, problem.expected, f"{problem.remedy} Or name the base with --base."
        ) from problem
    asking = target.asking or _general(model, base)
    load_adapter(base, target.adapter)
    return Assistant(
        base=base,
        encoder=Encoder(base.tokenizer, asking.plan),
        asking=asking,
        notes=(*target.notes, *([SYSTEM_TURNS] if asking.system_turns.differ else [])),
    )


def _as_published(model: ModelSection) -> ModelSection:
    """The section with the packing of the base that config.json states."""
    config = read_base_config(find_folder(model.base, revision=model.revision) / CONFIG)
    return model.model_copy(update={"quantization": published_quantization(config)})


def _makes_room(target: Target, model: ModelSection, device: str) -> str:
    """What to do where a base's weights do not fit, in the options of the commands that ask."""
    packs = ["--quantization nf4"] if target.asking is None and model.quantization == "none" else []
    moves = [] if device == "cpu" else ["--device cpu (slow)", "--device auto where there are several GPUs"]
    ways = [*packs, *moves]
    return f"Use {', '.join(ways)}{', or ' if ways else ''}a machine with more memory."


def _general(model: ModelSection, base: LoadedBase) -> Asking:
    """For an adapter of other software: the base's chat template, or a plain question."""
    plan = general_plan(base.tokenizer, base.context_length)
    return Asking(task="qa", data_format="unknown", plan=plan, max_new_tokens=None, model=model)
