import json
import shutil

import pytest
import yaml
from huggingface_hub import ModelCard, constants
from safetensors.torch import load_file, save_file

from hub_for_pushing import ACCOUNT, OwnRepository, PushHandler
from hub_stand_in import hub
from medadapt.core.errors import DataError, MedAdaptError, ModelError, RunFolderError
from medadapt.core.files import read_json
from medadapt.core.hashes import sha256_file, sha256_text
from medadapt.core.progress import Silent
from medadapt.core.records import read_records
from medadapt.models.hub_adapter import UNNAMED_BASE
from medadapt.serving.answering import reply
from medadapt.serving.assistants import load
from medadapt.serving.command_targets import Run, find_target, read_run
from medadapt.serving.hub import check_repository, push
from medadapt.serving.upload import has_local_base, uploads
from medadapt.workflow.outcome import run as run_stages
from medadapt.workflow.request import RunRequest
from serving_runs import make_base, make_run, recorded, records_of

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


def test_a_repository_is_public_where_that_is_asked_for(run, stand_in):
    assert push(uploads(run, NAME), NAME, public=True).private is False
    assert stand_in.repositories[f"models/{NAME}"].private is False


def test_what_was_pushed_answers_as_the_run_did(run, stand_in, diagnosis_run, base_folder):
    push(uploads(run, NAME), NAME, public=False)
    assistant = load(find_target(f"hub:{NAME}", base=str(base_folder)), device="cpu")
    kept = recorded(diagnosis_run, "tuned")
    for record in records_of(diagnosis_run)[:2]:
        given = reply(assistant, record)
        assert "".join(given.pieces) == kept[record.id]["text"]


def uploaded_and_records(run):
    together = b"\n".join(content(file) for file in uploads(read_run(str(run)), NAME)).decode("latin-1")
    splits = ("train", "validation", "test")
    return together, [r for name in splits for r in read_records(run / "1-records" / f"{name}.jsonl")]


def assert_none_stands_in(texts, together):
    for text in texts:
        for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
            assert form.encode().decode("latin-1") not in together


def test_a_run_starts_from_what_was_pushed_and_records_its_commit(run, stand_in, base_folder, tmp_path):
    push(uploads(run, NAME), NAME, public=False, revision="trial")
    model = {"base": str(base_folder), "precision": "fp32", "adapter": f"hub:{NAME}@trial"}
    training = {"epochs": 0, "tracking": []}
    made = make_run(tmp_path / "second", base_folder, until="train", model=model, training=training)
    assert read_json(made / "run.json")["adapter_commit"] == stand_in.repositories[f"models/{NAME}"].commit
    weights = [folder / "adapter_model.safetensors" for folder in (made / "3-adapter", run.folder.adapter)]
    assert len({sha256_file(path) for path in weights}) == 1
    before = weights[0].stat().st_mtime_ns
    make_run(made, base_folder, until="train", model=model, training=training)
    assert weights[0].stat().st_mtime_ns == before


def test_a_smoke_run_does_not_ask_for_the_adapter(stand_in, base_folder, tmp_path):
    model = {"base": str(base_folder), "adapter": f"hub:{NAME}"}
    make_run(tmp_path / "smoke", base_folder, until="train", smoke=True, model=model)
    assert stand_in.asked == []


def test_no_record_is_uploaded_but_labels_and_the_instruction(base_folder, tmp_path):
    made = make_run(tmp_path / "instructed", base_folder, prompt={"system": "Answer as a careful doctor."})
    together, records = uploaded_and_records(made)
    labels = {record.label for record in records}
    texts = {record.question for record in records}
    assert len(texts) > 10
    assert len(labels) > 3
    assert_none_stands_in(texts, together)
    assert all(json.dumps(label) in together for label in labels)
    assert "Answer as a careful doctor." in together


@pytest.mark.parametrize(
    ("data", "prompt"),
    [
        ({"format": "typed_qa", "source": "sample:rows/typed_qa"}, {}),
        ({"format": "multiple_choice", "source": "sample:rows/mcq"}, {"answer": "text_and_explanation"}),
    ],
)
def test_no_question_answer_option_or_explanation_is_uploaded(data, prompt, base_folder, tmp_path):
    together, records = uploaded_and_records(
        make_run(tmp_path / "made", base_folder, data=data, prompt=prompt)
    )
    texts = {
        text
        for r in records
        for text in (r.question, r.answer, r.explanation, *(r.options or ()))
        if text and len(text) > 12  # shorter ones may stand in any file by chance
    }
    assert len(texts) > 40
    assert_none_stands_in(texts, together)


def unlike_rows(data_format):
    """Rows with four texts each, of which none is like another."""
    rows = [[f"words {sha256_text(f'{row} {part}')[:24]}" for part in range(4)] for row in range(24)]
    if data_format == "dialogue":
        roles = ("user", "assistant") * 2
        return rows, [
            {"messages": [{"role": role, "content": text} for role, text in zip(roles, row, strict=True)]}
            for row in rows
        ]
    return rows, [{"question": a, "answer": b, "context": f"{c}, {d}"} for a, b, c, d in rows]


@pytest.mark.parametrize("data_format", ["dialogue", "question_answer"])
def test_no_turn_of_a_talk_and_no_context_is_uploaded(data_format, base_folder, tmp_path):
    rows, written = unlike_rows(data_format)
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(written))
    made = make_run(
        tmp_path / "made",
        base_folder,
        data={"format": data_format, "source": str(path)},
        training={"epochs": 0.1, "tracking": []},
        evaluation={"bootstrap_samples": 100, "method": "score"},
    )
    together, records = uploaded_and_records(made)
    assert len(records) == len(rows)
    assert all(record.history or record.context for record in records)
    assert_none_stands_in({text for row in rows for text in row}, together)


def test_no_folder_of_this_machine_is_uploaded(run, base_folder):
    names = {file.name: file for file in uploads(run, NAME)}
    assert not any(str(base_folder.parent).encode() in content(file) for file in names.values())
    assert json.loads(content(names["base.json"]))["base_sha256"]


def named_in(files):
    """The base as each of the files names it that other software reads."""
    names = {file.name: file for file in files}
    config, base, asking = (
        json.loads(content(names[name])) for name in ("adapter_config.json", "base.json", "medadapt.json")
    )
    return {config["base_model_name_or_path"], base["base"], asking["model"]["base"]}


def test_a_base_in_a_folder_is_not_named_as_a_model_of_the_hub_may_be(run):
    assert named_in(uploads(run, NAME)) == {UNNAMED_BASE}


def test_a_relative_folder_is_known_as_one_from_anywhere(base_folder, tmp_path, monkeypatch):
    (tmp_path / "made" / "models").mkdir(parents=True)
    shutil.copytree(base_folder, tmp_path / "made" / "models" / "gpt2")
    monkeypatch.chdir(tmp_path / "made")
    made = make_run(tmp_path / "run", "models/gpt2", training={"epochs": 0.1, "tracking": []})
    monkeypatch.chdir(tmp_path)
    shutil.rmtree(made / "6-report")
    found = read_run(str(made))
    run_stages(RunRequest(recipe=found.recipe, folder=made, first="report"), Silent())

    files = uploads(found, NAME)

    assert named_in(files) == {UNNAMED_BASE}
    assert has_local_base(found)
    card = content(next(file for file in files if file.name == "README.md")).decode()
    assert "base_model" not in yaml.safe_load(card.split("---")[1])


def test_whoever_asks_what_was_pushed_is_told_to_name_its_base(run, stand_in):
    push(uploads(run, NAME), NAME, public=False)
    with pytest.raises(DataError, match="was a folder where it was trained") as told:
        find_target(f"hub:{NAME}")
    assert told.value.remedy == "Name it with --base."


def test_another_base_than_that_of_what_was_pushed_is_refused_by_its_fingerprint(run, stand_in, tmp_path):
    push(uploads(run, NAME), NAME, public=False)
    other = make_base(tmp_path / "other", seed=1)
    with pytest.raises(ModelError, match="trained on a local base model") as told:
        load(find_target(f"hub:{NAME}", base=str(other)), device="cpu")
    assert told.value.remedy.startswith("Use the one with that fingerprint as the base")


def test_an_exchanged_adapter_is_pushed_once_predict_has_asked_it(diagnosis_run, tmp_path):
    copy = shutil.copytree(diagnosis_run, tmp_path / "run")
    weights = copy / "3-adapter" / "adapter_model.safetensors"
    save_file({name: tensor / 2 for name, tensor in load_file(weights).items()}, weights)
    found = read_run(str(copy))
    with pytest.raises(RunFolderError, match="was exchanged since the predictions") as told:
        uploads(found, NAME)
    assert f"`medadapt run {copy} --from predict`" in told.value.remedy

    run_stages(RunRequest(recipe=found.recipe, folder=copy, first="predict"), Silent())

    files = {file.name: content(file) for file in uploads(found, NAME)}
    assert files["adapter_model.safetensors"] == weights.read_bytes()
    assert sha256_file(weights) in files["README.md"].decode()


def test_the_uploaded_card_is_valid_and_names_the_repository(run):
    card = content(next(file for file in uploads(run, NAME) if file.name == "README.md")).decode()
    assert isinstance(yaml.safe_load(card.split("---")[1]), dict)
    assert ModelCard(card).data.library_name == "peft"
    assert f'adapter = "{NAME}"' in card
    assert f"medadapt ask hub:{NAME}" in card
    assert "path/to/this/adapter" not in card


def test_the_card_on_a_branch_asks_and_loads_from_that_branch(run):
    files = uploads(run, NAME, revision="trial")
    card = content(next(file for file in files if file.name == "README.md")).decode()
    assert f'medadapt ask hub:{NAME}@trial "your question"' in card
    assert 'PeftModel.from_pretrained(base, adapter, revision="trial")' in card
    assert 'AutoTokenizer.from_pretrained(adapter, revision="trial")' in card


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
