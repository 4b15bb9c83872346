"""Libraries that say only what went wrong."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging as transformers_logging


@contextmanager
def quiet_libraries(*others: str) -> Iterator[None]:
    """Silence the chatter of transformers, of `others` (logger names such as "trl") and all Python warnings.

    Errors still come through, as exceptions and in the logs.
    """
    loggers = [logging.getLogger(name) for name in ("transformers", *others)]
    levels = [logger.level for logger in loggers]
    transformers_logging.disable_progress_bar()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        transformers_logging.enable_progress_bar()
