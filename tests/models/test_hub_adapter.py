import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_stand_in import Repository, hub
from medadapt.core.errors import ModelError
from medadapt.core.hashes import sha256_file
from medadapt.models.adapter_files import adapter_commit, adapter_hashes, find_adapter
from medadapt.models.hub_adapter import AdapterAddress, fetch_adapter, parse_adapter_address

FILES = {
    "adapter_config.json": b"{}",
    "adapter_model.safetensors": b"weights",
    "adapter_model.bin": b"a pickle",
    "base.json": b"{}",
    "medadapt.json": b"{}",
    "run.py": b"code",
}
PART = st.text("abcXYZ019._-", min_size=1)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    with hub(tmp_path / "cache", monkeypatch) as running:
        running.repositories["models/jane/tiny"] = Repository(files=FILES, revisions=("main", "trial"))
        yield running


@given(PART, PART, st.none() | st.text("abc019._-/", min_size=1))
def test_an_address_is_read_as_it_is_written(owner, name, revision):
    address = AdapterAddress(repo=f"{owner}/{name}", revision=revision)
    assert parse_adapter_address(str(address), key="TARGET") == address


@pytest.mark.parametrize("key", ["TARGET", "model.adapter"])
@pytest.mark.parametrize(
    "source", ["hub:", "hub:name", "hub:a/b/c", "hub:a/b@", "hub:a/b@x@y", "hub:a /b", "hub:a/b:train", "a/b"]
)
def test_what_is_no_address_is_refused_by_its_key(source, key):
    with pytest.raises(ModelError, match="no address of an adapter") as told:
        parse_adapter_address(source, key=key)
    assert told.value.problem.startswith(key)
    assert told.value.remedy == f"Correct {key}."


def test_of_an_adapter_only_its_own_files_are_fetched(stand_in):
    folder = find_adapter("hub:jane/tiny@trial")
    assert {path.name for path in folder.iterdir()} == set(FILES) - {"adapter_model.bin", "run.py"}
    assert "GET api/models/jane/tiny/revision/trial" in stand_in.asked


def test_an_adapter_of_the_hub_counts_with_its_weights_and_its_commit(stand_in, tmp_path):
    (tmp_path / "weights").write_bytes(b"weights")
    assert adapter_hashes("hub:jane/tiny") == {"adapter": sha256_file(tmp_path / "weights")}
    assert adapter_commit("hub:jane/tiny@trial") == stand_in.repositories["models/jane/tiny"].commit
    assert adapter_commit(str(tmp_path)) is None
    assert adapter_commit(None) is None


def test_a_branch_that_moved_on_is_seen(stand_in):
    before = adapter_hashes("hub:jane/tiny")
    changed = FILES | {"adapter_model.safetensors": b"other weights"}
    stand_in.repositories["models/jane/tiny"] = Repository(files=changed)
    assert adapter_hashes("hub:jane/tiny") != before


@pytest.mark.parametrize(("key", "other"), [("TARGET", "model."), ("model.adapter", "model.base")])
@pytest.mark.parametrize(
    ("source", "words"),
    [("hub:jane/nothing", "There is no adapter"), ("hub:jane/tiny@gone", "no such revision")],
)
def test_what_the_hub_does_not_have_is_told_with_the_key_it_was_named_by(source, words, key, other, stand_in):
    with pytest.raises(ModelError, match=words) as told:
        fetch_adapter(source, key=key)
    assert key in told.value.remedy
    assert other not in str(told.value)


@pytest.mark.parametrize("key", ["TARGET", "model.adapter"])
def test_without_a_network_the_way_out_names_the_key(key, stand_in, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="cannot be reached") as told:
        fetch_adapter("hub:jane/tiny", key=key)
    assert f"as {key}." in told.value.remedy
    assert ("--smoke" in told.value.remedy) == (key == "model.adapter")
    assert "model.base" not in str(told.value)
