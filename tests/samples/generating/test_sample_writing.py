"""Sample files on disk: whole, and never over somebody's own work."""

from __future__ import annotations

import os

import pytest

from medadapt.core.errors import DataError, DiskError
from medadapt.samples.generating.writing import write_files

CONTENTS = {"set/rows.csv": b"a,b\n1,2\n", "README.md": b"# Card\n"}


def test_files_are_written_into_a_new_folder(tmp_path):
    folder = tmp_path / "new" / "folder"
    assert write_files(folder, CONTENTS) == [folder / place for place in CONTENTS]
    assert {place: (folder / place).read_bytes() for place in CONTENTS} == CONTENTS


def test_a_file_with_the_same_content_is_left_alone(tmp_path):
    write_files(tmp_path, CONTENTS)
    (tmp_path / "README.md").unlink()
    before = (tmp_path / "set/rows.csv").stat()
    assert write_files(tmp_path, CONTENTS) == [tmp_path / "README.md"]
    after = (tmp_path / "set/rows.csv").stat()
    # Not the whole of both: comparing its content sets the time of its last reading.
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_changed_file_is_kept_and_nothing_written_unless_replace_is_asked_for(tmp_path):
    path = tmp_path / "set" / "rows.csv"
    path.parent.mkdir()
    path.write_text("my own work")
    with pytest.raises(DataError, match=r"rows\.csv is already there with another content\."):
        write_files(tmp_path, CONTENTS)
    assert path.read_text() == "my own work"
    assert not (tmp_path / "README.md").exists()
    assert write_files(tmp_path, CONTENTS, replace=True) == [tmp_path / place for place in CONTENTS]
    assert path.read_bytes() == CONTENTS["set/rows.csv"]


@pytest.mark.parametrize("place", ["target", "target/set"])
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path, place: str):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("a file")
    with pytest.raises(DataError, match="is no folder"):
        write_files(tmp_path / "target", CONTENTS)


def test_a_link_to_nowhere_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "target").symlink_to(tmp_path / "gone")
    with pytest.raises(DataError, match="is no folder"):
        write_files(tmp_path / "target", CONTENTS)


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path):
    (tmp_path / "README.md").mkdir()
    with pytest.raises(DataError, match=r"README\.md is a folder"):
        write_files(tmp_path, CONTENTS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_a_disk_error(tmp_path):
    (tmp_path / "shut").mkdir(mode=0o500)
    with pytest.raises(DiskError, match="Permission denied"):
        write_files(tmp_path / "shut", CONTENTS)
