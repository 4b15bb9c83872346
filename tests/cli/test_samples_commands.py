from __future__ import annotations

import json

from medadapt.samples.bundled import DATA, FILE_OF_SAMPLE


def test_write_puts_the_bundled_files_and_their_card_into_a_new_folder(use, tmp_path):
    folder = tmp_path / "new" / "folder"
    code, out, _ = use("samples", "write", folder)
    assert code == 0
    for place in (*FILE_OF_SAMPLE.values(), "README.md"):
        assert (folder / place).read_bytes() == (DATA / place).read_bytes()
        assert f"written: {folder / place}" in out
    code, out, _ = use("samples", "write", folder, "--json")
    told = json.loads(out)
    assert code == told["exit_code"] == 0
    assert (told["seed"], told["written"], len(told["files"])) == (0, [], 6)


def test_another_seed_gives_other_files_that_its_card_names(use, tmp_path):
    use("samples", "write", tmp_path, "--seed", 7)
    assert (tmp_path / "symptoms/dataset.csv").read_bytes() != (DATA / "symptoms/dataset.csv").read_bytes()
    assert "seed 7" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_files_that_say_something_else_are_exit_code_2(medadapt, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    said = medadapt("samples", "write", ".")
    assert said.code == 2
    assert "README.md is already there with another content" in said.err
    assert "--replace" in said.err


def test_a_full_disk_is_exit_code_6_and_leaves_no_half_file(medadapt, tmp_path):
    said = medadapt("samples", "write", "target", largest_file=200_000)
    assert said.code == 6
    assert "cannot be written" in said.err
    assert "-o" not in said.err
    written = [path for path in (tmp_path / "target").rglob("*") if path.is_file()]
    assert written
    assert all(
        path.read_bytes() == (DATA / path.relative_to(tmp_path / "target")).read_bytes() for path in written
    )
