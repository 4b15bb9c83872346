from __future__ import annotations

import logging
import warnings

import pytest

from medadapt.models.quiet import quiet_libraries


def test_remarks_are_silenced_and_errors_are_not(caplog: pytest.LogCaptureFixture):
    with warnings.catch_warnings(record=True) as warned, quiet_libraries("some_library"):
        warnings.warn("of Python", stacklevel=1)
        for name in ("transformers", "some_library"):
            logging.getLogger(name).warning("a remark of %s", name)
        logging.getLogger("some_library").error("it failed")

    assert [record.getMessage() for record in caplog.records if record.name == "some_library"] == [
        "it failed"
    ]
    assert not warned
    assert not [record for record in caplog.records if record.name == "transformers"]


def test_afterwards_everything_is_heard_again_also_after_an_error():
    logger = logging.getLogger("some_library")
    logger.setLevel(logging.INFO)

    with pytest.raises(ValueError, match="inside"), quiet_libraries("some_library"):
        raise ValueError("inside")

    assert logger.level == logging.INFO
    with pytest.warns(UserWarning, match="shown"):
        warnings.warn("shown", stacklevel=1)
