"""Curves as a run of Weights & Biases."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping

from medadapt.core.errors import RecipeError
from medadapt.training.trackers.tracker import PROJECT, Ending, Opening, untold, unusable


class WandbTracker:
    """A W&B run; offline in `wandb/` where the user is not logged in. `wandb sync` sends it later."""

    def __init__(self, opening: Opening) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its own crash reports go elsewhere
        import wandb

        self._note = opening.note
        self.run_id: str | None = opening.known_id or uuid.uuid4().hex[:16]
        try:
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=opening.name,
                id=self.run_id,
                resume="allow",
                dir=str(opening.folder),
                mode=_wandb_mode(),  # type: ignore[arg-type]
                config=dict(opening.parameters),
                # Nothing but what is logged here: no console (it shows answers), code, host or git facts.
                settings=wandb.Settings(
                    console="off", silent=True, save_code=False, disable_code=True, disable_git=True,
                    disable_job_creation=True, x_disable_meta=True, x_disable_machine_info=True,
                    x_disable_stats=True, x_save_requirements=False, host="",
                ),
            )  # fmt: skip
        except (wandb.Error, ValueError) as problem:  # ValueError: a WANDB_ variable that makes no sense
            raise unusable("Weights & Biases", problem) from problem

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self, ending: Ending, /) -> None:
        try:
            self._run.finish(exit_code=0 if ending == "finished" else 1)
        except Exception as problem:  # W&B's own process is gone, for which it has no public type of error
            self._note(untold("Weights & Biases", problem))


def _wandb_mode() -> str | None:
    """None leaves it to the user's own WANDB_MODE; a login is looked for and never asked for."""
    import wandb

    asked = os.environ.get("WANDB_MODE")
    if asked and asked != "online":
        return None
    if wandb.login(verify=False, prompt=False):
        return "online"
    if asked == "online":
        raise RecipeError(
            "WANDB_MODE is online, but nobody is logged in to Weights & Biases.",
            "a login",
            "Log in with `wandb login`, or set WANDB_MODE=offline.",
        )
    return "offline"
