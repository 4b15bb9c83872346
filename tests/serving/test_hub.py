import json

import pytest
import yaml
from huggingface_hub import ModelCard, constants

from hub_for_pushing import ACCOUNT, OwnRepository, PushHandler
from hub_stand_in import hub
from medadapt.core.errors import MedAdaptError, ModelError, RunFolderError
from medadapt.core.files import read_json
from medadapt.core.records import read_records
from medadapt.serving.answering import answer
from medadapt.serving.hub import check_repository, push
from medadapt.serving.loading import load
from medadapt.serving.targets import Run, find_target
from medadapt.serving.upload import uploads
from serving_runs import recorded, records_of

NAME = f"{ACCOUNT}/tiny"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    with hub(tmp_path / "cache", monkeypatch, PushHandler) as running:
        yield running


def content(file):
    return file.content if isinstance(file.content, bytes) else file.content.read_bytes()


def test_everything_arrives_in_one_commit_of_a_private_repository(run, stand_in):
    files = uploads(run, NAME)
    done = push(files, NAME, public=False)
    there = stand_in.repositories[f"models/{NAME}"]
    assert there.files == {file.name: content(file) for file in files}
    assert (there.private, there.commits) == (True, 1)
    assert (done.created, done.private, done.commit) == (True, True, there.commit)
    assert done.url == f"{stand_in.url}/{NAME}"


def test_what_was_pushed_answers_as_the_run_did(run, stand_in, diagnosis_run, base_folder):
    push(uploads(run, NAME), NAME, public=False)
    assistant = load(find_target(f"hub:{NAME}", base=str(base_folder)), device="cpu")
    kept = recorded(diagnosis_run, "tuned")
    for record in records_of(diagnosis_run)[:2]:
        given = answer(assistant, record)
        assert "".join(given.pieces) == kept[record.id]["text"]


def test_no_text_of_the_data_is_uploaded(run, diagnosis_run):
    together = b"\n".join(content(file) for file in uploads(run, NAME))
    texts = [r.question for split in ("train", "validation", "test")
             for r in read_records(diagnosis_run / "1-records" / f"{split}.jsonl")]  # fmt: skip
    assert len(texts) > 10
    assert b"adapter" in together
    for text in texts:
        assert text.encode() not in together
        assert json.dumps(text)[1:-1].encode() not in together


def test_no_folder_of_this_machine_is_uploaded(run, base_folder):
    names = {file.name: file for file in uploads(run, NAME)}
    assert not any(str(base_folder.parent).encode() in content(file) for file in names.values())
    assert json.loads(content(names["adapter_config.json"]))["base_model_name_or_path"] == base_folder.name
    assert json.loads(content(names["base.json"]))["base_sha256"]


def test_the_uploaded_card_is_valid_and_names_the_repository(run):
    card = content(next(file for file in uploads(run, NAME) if file.name == "README.md")).decode()
    assert isinstance(yaml.safe_load(card.split("---")[1]), dict)
    assert ModelCard(card).data.library_name == "peft"
    assert f'adapter = "{NAME}"' in card
    assert f"medadapt ask hub:{NAME}" in card
    assert "path/to/this/adapter" not in card


def test_a_second_push_updates_the_files_and_says_so(run, stand_in):
    push(uploads(run, NAME), NAME, public=False)
    changed = [*uploads(run, NAME)[:-1]]
    assert push(changed, NAME, public=False).created is False


def test_a_branch_is_made_and_can_be_asked_for(run, stand_in, base_folder):
    push(uploads(run, NAME), NAME, public=False, revision="trial")
    assert f"POST api/models/{NAME}/commit/trial" in stand_in.asked
    assert find_target(f"hub:{NAME}@trial", base=str(base_folder)).asking is not None


@pytest.mark.parametrize(("private", "public"), [(True, True), (False, False)])
def test_a_repository_of_the_other_visibility_is_left_alone(private, public, run, stand_in):
    stand_in.repositories[f"models/{NAME}"] = OwnRepository(files={"x": b""}, private=private)
    with pytest.raises(MedAdaptError, match="Nothing was sent"):
        push(uploads(run, NAME), NAME, public=public)
    assert stand_in.repositories[f"models/{NAME}"].files == {"x": b""}


@pytest.mark.parametrize(
    ("token", "name", "words"),
    [
        ("hf_wrong", NAME, "does not know this token"),
        ("hf_read", NAME, "may not write"),
        ("hf_write", "somebody/else", "may not write"),
    ],
)
def test_what_the_hub_refuses_is_told_plainly(token, name, words, run, stand_in, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(MedAdaptError, match=words) as told:
        push(uploads(run, name), name, public=False)
    assert told.value.exit_code == 2
    assert token not in str(told.value)
    assert not stand_in.repositories


def test_without_a_token_nothing_is_asked(run, stand_in, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere/token")
    with pytest.raises(MedAdaptError, match="not logged in"):
        push(uploads(run, NAME), NAME, public=False)
    assert stand_in.asked == []


def test_without_a_network_the_way_out_is_told(run, stand_in, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(MedAdaptError, match="cannot be reached"):
        push(uploads(run, NAME), NAME, public=False)


def test_offline_mode_is_respected(run, stand_in, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(MedAdaptError, match="HF_HUB_OFFLINE"):
        push(uploads(run, NAME), NAME, public=False)
    assert stand_in.asked == []


def test_an_unfinished_run_cannot_be_pushed(typed_run):
    from medadapt.serving.targets import read_run

    with pytest.raises(RunFolderError, match="model card"):
        uploads(read_run(str(typed_run)), NAME)


@pytest.mark.parametrize("name", ["tiny", "a/b/c", "a b/c", "/x", "x/", "../x/y", ""])
def test_only_user_and_name_make_a_repository(name):
    with pytest.raises(MedAdaptError, match="--to"):
        check_repository(name)


def test_an_adapter_that_is_not_on_the_hub_is_told(stand_in):
    with pytest.raises(ModelError):
        find_target("hub:jane/nothing")


def test_the_runs_own_files_are_left_as_they_are(run: Run, base_folder):
    assert read_json(run.folder.adapter / "base.json")["base"] == str(base_folder)
