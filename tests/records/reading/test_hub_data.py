"""Data sets on the Hub, fetched from a local stand-in of its HTTP API."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from hub_stand_in import HubStandIn, hub
from medadapt.core.errors import DataError
from medadapt.core.recipe import DataSection
from medadapt.records.reading.sources import find_sources, source_hashes

PARTS = ("the liver", "a kidney", "both lungs", "our spleen", "one toe", "his nose", "my jaw", "an elbow")
ROWS = "question,answer\n" + "".join(
    f"{part.title()}: where is it?,{part} {n}\n" for n, part in enumerate(PARTS)
)
MORE = "question,answer\n" + "".join(
    f"Who heals {part} best?,Doctor {n}\n" for n, part in enumerate(PARTS[:5])
)
CARD = """---
license: cc-by-4.0
configs:
- config_name: adults
  data_files:
  - {split: train, path: a/rows.csv}
  - {split: test, path: a/held_out.csv}
- config_name: children
  data_files: b/rows.csv
---
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    with hub(tmp_path / "cache", monkeypatch) as running:
        running.dataset("clinic/plain", {"train.csv": ROWS, "test.csv": MORE, "loader.py": "1/0"})
        running.dataset(
            "clinic/cards", {"README.md": CARD, **dict.fromkeys(["a/rows.csv", "b/rows.csv"], ROWS)}
        )
        running.repositories["datasets/clinic/cards"].files["a/held_out.csv"] = MORE.encode()
        yield running


def section(source: Any, **keys: Any) -> DataSection:
    return DataSection(format="question_answer", source=source, **keys)


def names(source: str) -> list[str]:
    return [file.name for file in find_sources(section(source)).files]


def test_the_train_split_is_read_where_none_is_named(stand_in: HubStandIn, prepared: Callable[..., Any]):
    result = prepared(None, format="question_answer", source="hub:clinic/plain")

    assert len(result.records) == 8
    commit = stand_in.repositories["datasets/clinic/plain"].commit
    (facts,) = result.facts["hub"]
    assert facts == {
        "repo": "clinic/plain",
        "revision": "main",
        "commit": commit,
        "config": None,
        "split": "train",
        "splits": ["train", "test"],
        "licence": None,
    }
    assert result.facts["sources"].keys() == {"train.csv"}


def test_code_of_a_data_set_is_never_fetched(stand_in: HubStandIn):
    names("hub:clinic/plain")

    assert not any("loader.py" in asked for asked in stand_in.asked)


def test_a_named_split_and_config_are_read(stand_in: HubStandIn):
    assert names("hub:clinic/plain:test") == ["test.csv"]
    assert names("hub:clinic/cards/adults:test") == ["a/held_out.csv"]
    assert names("hub:clinic/cards/children") == ["b/rows.csv"]


def test_files_without_split_names_are_all_read(stand_in: HubStandIn):
    stand_in.dataset("clinic/parts", {"one.csv": ROWS, "two.csv": MORE})

    assert names("hub:clinic/parts") == ["one.csv", "two.csv"]


def test_the_licence_of_the_card_is_told(stand_in: HubStandIn, prepared: Callable[..., Any]):
    result = prepared(None, format="question_answer", source="hub:clinic/cards/adults")

    assert result.facts["licence"] == "cc-by-4.0 (as its card on the Hub states)"
    assert result.facts["hub"][0]["config"] == "adults"


@pytest.mark.parametrize("licensed", ["hub:clinic/cards/children", "sample:rows/qa"])
@pytest.mark.parametrize("other", ["own.csv", "hub:clinic/plain:test"])
def test_the_licence_of_a_part_is_not_that_of_the_whole(
    licensed: str, other: str, stand_in: HubStandIn, prepared: Callable[..., Any], tmp_path: Path
):
    (tmp_path / "own.csv").write_text(MORE)
    source = {"train": licensed, "test": str(tmp_path / other) if other == "own.csv" else other}

    assert prepared(None, format="question_answer", source=source).facts["licence"].startswith("unknown")


def test_hub_splits_can_be_ready_made_splits(stand_in: HubStandIn, prepared: Callable[..., Any]):
    source = {"train": "hub:clinic/plain:train", "test": "hub:clinic/plain:test"}
    result = prepared(None, format="question_answer", source=source)

    assert {name: len(part) for name, part in result.splits.items()} == {
        "train": 8,
        "validation": 0,
        "test": 5,
    }
    assert result.facts["sources"].keys() == {"train/train.csv", "test/test.csv"}


@pytest.mark.parametrize(
    ("source", "said", "expected"),
    [
        ("hub:clinic/plain:dev", r"clinic/plain has no split 'dev'", "one of train, test"),
        ("hub:clinic/plain:trian", r"no split 'trian'; did you mean 'train'", "one of train, test"),
        ("hub:clinic/cards", r"several configs, and data\.source names none", "one of adults, children"),
        ("hub:clinic/cards/adult", r"no config 'adult'", "one of adults, children"),
        (
            "hub:clinic/absent",
            r"There is no data set clinic/absent on the Hub, or it is private",
            "owner/name",
        ),
        ("hub:clinic", r"'hub:clinic' is no address", "hub:owner/name"),
        ("hub:../up", r"could not be fetched|no address|no data set", ""),
    ],
)
def test_what_is_not_there_is_named(stand_in: HubStandIn, source: str, said: str, expected: str):
    with pytest.raises(DataError, match=said) as raised:
        find_sources(section(source))
    assert expected in raised.value.expected
    assert raised.value.remedy


def test_a_revision_that_is_not_there_is_named(stand_in: HubStandIn):
    with pytest.raises(DataError, match="clinic/plain has no revision 'v9'"):
        find_sources(section("hub:clinic/plain", revision="v9"))


def test_a_revision_is_fetched_and_recorded(stand_in: HubStandIn):
    repository = stand_in.repositories["datasets/clinic/plain"]
    repository.revisions = ("main", "v1")

    (facts,) = find_sources(section("hub:clinic/plain", revision="v1")).hub

    assert (facts["revision"], facts["commit"]) == ("v1", repository.commit)


def test_a_gated_data_set_tells_how_to_log_in(stand_in: HubStandIn):
    stand_in.dataset("clinic/gated", {"train.csv": ROWS}, gated=True)

    with pytest.raises(DataError, match="clinic/gated is gated") as raised:
        find_sources(section("hub:clinic/gated"))
    assert "hf auth login" in raised.value.remedy


def test_a_data_set_without_readable_files_is_refused(stand_in: HubStandIn):
    stand_in.dataset("clinic/archive", {"rows.zip": "PK", "load.py": "1/0"})

    with pytest.raises(DataError, match="holds no file that can be read"):
        find_sources(section("hub:clinic/archive"))


def test_the_cache_serves_offline(stand_in: HubStandIn, monkeypatch: pytest.MonkeyPatch):
    online = source_hashes(section("hub:clinic/plain"))
    stand_in.asked.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    assert source_hashes(section("hub:clinic/plain")) == online
    assert stand_in.asked == []


def test_offline_without_a_cache_says_so(stand_in: HubStandIn, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(DataError, match=r"not \(completely\) on this machine, and the Hub cannot be reached"):
        find_sources(section("hub:clinic/plain"))


def test_asking_the_cache_alone_fetches_nothing(stand_in: HubStandIn):
    with pytest.raises(DataError, match=r"not \(completely\) on this machine"):
        source_hashes(section("hub:clinic/plain"), offline=True)
    assert stand_in.asked == []


def test_hashes_change_with_the_data_and_not_with_the_card(stand_in: HubStandIn):
    before = source_hashes(section("hub:clinic/plain"))
    stand_in.dataset("clinic/plain", {"README.md": "new", "train.csv": ROWS, "test.csv": MORE})
    with_card = source_hashes(section("hub:clinic/plain"))
    stand_in.dataset("clinic/plain", {"train.csv": MORE, "test.csv": MORE})

    assert with_card == before
    assert source_hashes(section("hub:clinic/plain")) != before


def test_a_hub_data_set_needs_no_torch(stand_in: HubStandIn, tmp_path: Path):
    code = (
        "import sys\n"
        "from medadapt.core.recipe import DataSection\n"
        "from medadapt.records.reading.sources import find_sources\n"
        "print(len(find_sources(DataSection(format='dialogue', source='hub:clinic/cards/adults')).files))\n"
        "print('torch' in sys.modules)\n"
    )
    asked = {
        **os.environ,
        "HF_HUB_OFFLINE": "0",
        "HF_ENDPOINT": stand_in.url,
        "HF_HOME": str(tmp_path / "home"),
    }

    done = subprocess.run([sys.executable, "-c", code], env=asked, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1", "False"]
