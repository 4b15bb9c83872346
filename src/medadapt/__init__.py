"""MedAdapt: fine-tune open language models on medical question answering, and prove whether it helped.

From Python: `medadapt.run` and `medadapt.load`; see `medadapt.notebook`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medadapt.notebook import Answer, Classification, Model, load, run

__version__ = "0.1.0"
__all__ = ["Answer", "Classification", "Model", "__version__", "load", "run"]


def __getattr__(name: str) -> Any:
    # Only when it is asked for: the command line imports this package, and most of its commands need none of it.
    if name in __all__:
        from medadapt import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module 'medadapt' has no attribute {name!r}")
