"""The catalog: a model is one of the folders there are, whatever its name looks like."""

import json

import pytest

from model.catalog import (
    INDEX,
    Defaults,
    TaskNotAvailable,
    UnknownModel,
    UnknownStyle,
    check_style,
    check_task,
    defaults,
    installed,
    limits,
    locate,
    styles,
    tasks,
)
from model.tasks import Task
from model.weights import InvalidCheckpoint, load_index


@pytest.fixture
def checkpoints(tmp_path):
    for name in ("second", "first"):
        (tmp_path / "all" / name).mkdir(parents=True)
        (tmp_path / "all" / name / "model_index.json").touch()
    (tmp_path / "all" / "empty").mkdir()
    (tmp_path / "model_index.json").touch()
    return tmp_path / "all"


def test_the_installed_models_are_the_folders_with_an_index(checkpoints):
    assert installed(checkpoints) == ["first", "second"]
    assert installed(checkpoints / "nowhere") == []
    assert locate(checkpoints, "first") == checkpoints / "first"


@pytest.mark.parametrize("name", ["third", "empty", "..", "../all/first", "*", "", "/"])
def test_any_other_name_is_refused_with_the_names_there_are(checkpoints, name):
    with pytest.raises(UnknownModel, match="installed: first, second"):
        locate(checkpoints, name)


def test_no_model_at_all_is_said(tmp_path):
    with pytest.raises(UnknownModel, match="installed: none"):
        locate(tmp_path, "ciotat-1")


@pytest.mark.parametrize(
    ("index", "does"),
    [
        ("{}", ["text_to_video"]),
        ("not JSON", ["text_to_video"]),
        ('{"tasks": ["extend", "text_to_video", "dance"]}', ["text_to_video", "extend"]),
        ('{"tasks": []}', []),
        ("[1]", ["text_to_video"]),
    ],
)
def test_what_a_checkpoint_does_stands_in_its_index(checkpoints, index, does):
    (checkpoints / "first" / "model_index.json").write_text(index)

    assert list(tasks(checkpoints / "first")) == does
    for task in Task:
        if task in does:
            check_task(checkpoints, "first", task)
        else:
            with pytest.raises(TaskNotAvailable, match=f"task: model 'first' does not do {task}; it does"):
                check_task(checkpoints, "first", task)


def test_the_styles_of_a_checkpoint_are_the_folders_with_a_config(checkpoints):
    for name in ("line", "flat"):
        (checkpoints / "first" / "styles" / name).mkdir(parents=True)
        (checkpoints / "first" / "styles" / name / "config.json").touch()
    (checkpoints / "first" / "styles" / "empty").mkdir()

    assert styles(checkpoints / "first") == ("flat", "line")
    assert styles(checkpoints / "second") == ()
    check_style(checkpoints, "first", "flat")


@pytest.mark.parametrize("name", ["empty", "..", "../styles/flat", "*", "", "Flat"])
def test_any_other_style_is_refused_with_the_styles_there_are(checkpoints, name):
    (checkpoints / "first" / "styles" / "empty").mkdir(parents=True)
    (checkpoints / "first" / "styles" / "flat").mkdir()
    (checkpoints / "first" / "styles" / "flat" / "config.json").touch()

    with pytest.raises(UnknownStyle, match=r"style: model 'first' has no style '.*'; it has flat$"):
        check_style(checkpoints, "first", name)
    with pytest.raises(UnknownStyle, match=r"model 'second' has no style '.*'; it has none$"):
        check_style(checkpoints, "second", name)
    with pytest.raises(UnknownModel):
        check_style(checkpoints, "third", name)


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ({"steps": 8, "guidance_scale": 1.0}, Defaults(steps=8, guidance_scale=1.0)),
        ({"steps": 8}, Defaults(steps=8)),
        ({}, Defaults()),
        ({"steps": 0}, Defaults()),
        ({"steps": "many"}, Defaults()),
        ({"strength": 1}, Defaults()),
        ("none", Defaults()),
    ],
)
def test_a_checkpoint_says_what_it_does_where_a_request_does_not(tmp_path, named, found):
    (tmp_path / INDEX).write_text(json.dumps({"format": "ciotat/1", "defaults": named}))

    assert defaults(tmp_path) == found


@pytest.mark.parametrize(
    ("named", "longest"),
    [  # of 128x128, 512x512, 1280x720, 1024x1024
        ({}, (5, 5, 5, 5)),
        ({"seconds": 20, "megapixels": 336}, (20, 20, 20, 20)),
        ({"seconds": 12, "megapixels": 100}, (12, 12, 6, 5)),
        ({"seconds": 20, "megapixels": 15}, (20, 3, 1, 0)),
        ({"seconds": 90}, (5, 5, 5, 5)),
        ({"minutes": 1}, (5, 5, 5, 5)),
    ],
)
def test_a_checkpoint_says_how_long_a_video_of_each_size_may_be(tmp_path, named, longest):
    (tmp_path / INDEX).write_text(json.dumps({"format": "ciotat/1", "limits": named}))

    found = limits(tmp_path)

    sizes = ((128, 128), (512, 512), (1280, 720), (1024, 1024))
    assert tuple(found.longest(*size) for size in sizes) == longest


def test_a_checkpoint_of_wrong_limits_is_not_loaded(tmp_path):
    (tmp_path / INDEX).write_text(json.dumps({"format": "ciotat/1", "limits": {"seconds": 90}}))

    with pytest.raises(InvalidCheckpoint, match="limits: Input should be less than or equal to 20"):
        load_index(tmp_path)


def test_a_checkpoint_of_wrong_defaults_is_not_loaded(tmp_path):
    (tmp_path / INDEX).write_text(json.dumps({"format": "ciotat/1", "defaults": {"steps": 0}}))

    with pytest.raises(InvalidCheckpoint, match="defaults: Input should be greater than"):
        load_index(tmp_path)
