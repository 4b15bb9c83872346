"""Which errors are the disk's, or the folder's, and which are bugs."""

from __future__ import annotations

import errno

import pytest

from medadapt.core.errors import DiskError
from medadapt.workflow.full_disk import as_disk_error, disk_errors


def test_a_file_of_the_run_that_may_not_be_used_is_told_as_such(tmp_path):
    problem = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "1-records/train.jsonl"))
    with pytest.raises(DiskError, match=r"train\.jsonl"), disk_errors(tmp_path):
        raise problem


def test_a_file_elsewhere_that_may_not_be_used_keeps_its_traceback(tmp_path):
    problem = PermissionError(errno.EACCES, "Permission denied", "/elsewhere/cache")
    with pytest.raises(PermissionError), disk_errors(tmp_path):
        raise problem


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_told_wherever_it_is_met(tmp_path, number):
    assert as_disk_error(OSError(number, "full"), tmp_path)
    assert as_disk_error(RuntimeError(f"I/O error (os error {number})"), tmp_path)


def test_other_errors_are_none_of_the_disk(tmp_path):
    assert as_disk_error(ValueError("bug"), tmp_path) is None
    assert as_disk_error(OSError(errno.ECONNRESET, "reset"), tmp_path) is None
