"""Checkpoints: what is saved comes back, and what is broken is refused by the file's name without running it."""

import ast
import json
import os
import pickle  # noqa: TID251  to make the file that must not be read
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.pipeline import Pipeline
from model.weights import (
    FORMAT,
    InvalidCheckpoint,
    Sampling,
    fingerprint,
    load_image_unet,
    load_index,
    load_stunet,
    save_component,
    save_index,
    save_stunet,
)
from tests import tiny

ROOT = Path(__file__).parents[2]
SMALL = replace(tiny.BASE, patch=2, widths=(16, 64), text_dim=12)


@pytest.fixture
def saved(tmp_path):
    """A video network's two folders."""
    save_stunet(tmp_path / "image", tmp_path / "temporal", tiny.stunet(SMALL))
    return tmp_path


def read(folder):
    return load_stunet(folder / "image", folder / "temporal")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_component_comes_back_as_it_was_saved_and_in_float32(tmp_path, dtype):
    network = tiny.image_unet(SMALL)
    save_component(tmp_path, network.config, network, dtype)

    loaded = load_image_unet(tmp_path)

    assert loaded.config == SMALL
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor.to(dtype).float(), rtol=0, atol=0)


def test_a_video_network_comes_back_frozen_in_float32_and_with_its_sizes(saved):
    network, loaded = tiny.stunet(SMALL), read(saved)

    assert (loaded.image.config, loaded.config) == (SMALL, tiny.INFLATION)
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)


def test_how_a_checkpoint_wants_to_be_sampled_comes_back(tmp_path):
    how = Sampling("euler", "dpmpp_2m", 64, 2.0, (0.1, 0.9), 3, 1.5, 0.2, 16, 4, 77)

    save_index(tmp_path, how)

    assert load_index(tmp_path) == how


def test_a_whole_number_may_stand_for_a_fraction(tmp_path):
    (tmp_path / "model_index.json").write_text(json.dumps({"format": FORMAT, "sampling": {"ssr_shift": 2}}))

    assert load_index(tmp_path) == Sampling(ssr_shift=2.0)


def test_what_an_index_does_not_say_has_its_default(tmp_path):
    (tmp_path / "model_index.json").write_text(json.dumps({"format": FORMAT}))

    assert load_index(tmp_path) == Sampling()


@pytest.mark.parametrize("component", ["image", "temporal"])
@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(saved, component, file):
    (saved / component / file).unlink()

    with pytest.raises(InvalidCheckpoint, match=rf"{component}/{file} is missing"):
        read(saved)


@pytest.mark.parametrize("component", ["image", "temporal"])
@pytest.mark.parametrize("kept", [0.99, 0.5, 0.001, 0.0])
def test_a_truncated_file_is_named(saved, component, kept):
    file = saved / component / "model.safetensors"
    os.truncate(file, int(kept * file.stat().st_size))

    with pytest.raises(InvalidCheckpoint, match=rf"{component}/model\.safetensors is truncated"):
        read(saved)


@pytest.mark.parametrize("component", ["image", "temporal"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda tensors, name: tensors.pop(name), r"lacks 1 tensors, the first is {name}"),
        (lambda tensors, name: tensors.update(stray=torch.zeros(1)), r"has 1 tensors .* stray"),
        (lambda tensors, name: tensors.update({name: torch.zeros(3, 5)}), r"{name} is \(3, 5\)"),
    ],
    ids=["a tensor short", "one too many", "one of another shape"],
)
def test_weights_that_do_not_fit_are_named_with_the_tensor(saved, component, change, reason):
    file = saved / component / "model.safetensors"
    tensors = load_file(file)
    name = sorted(tensors)[0]
    change(tensors, name)
    save_file(tensors, file)

    with pytest.raises(
        InvalidCheckpoint, match=rf"{component}/model\.safetensors.* " + reason.format(name=name)
    ):
        read(saved)


@pytest.mark.parametrize("component", ["image", "temporal"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("\x00\xff", "not JSON"),
        ("[1]", "JSON object"),
        ('{"width": 3, "depth": 4}', "unknown settings depth, width"),
    ],
)
def test_a_config_that_cannot_be_read_is_named(saved, component, text, reason):
    (saved / component / "config.json").write_bytes(text.encode("latin-1"))

    with pytest.raises(InvalidCheckpoint, match=rf"{component}/config\.json.*{reason}"):
        read(saved)


@pytest.mark.parametrize(
    ("component", "setting", "reason"),
    [
        ("image", {"blocks": [1, 1, 1]}, "levels"),
        ("image", {"widths": 3}, r"widths must be like \(.*\), not 3"),
        ("image", {"embedding": "16"}, "embedding must be like 256, not '16'"),
        ("temporal", {"inner": None}, "inner must be like 0.5, not None"),
        ("temporal", {"kernel": 4}, "odd"),
    ],
)
def test_a_config_that_cannot_be_is_named_with_the_reason(saved, component, setting, reason):
    file = saved / component / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | setting))

    with pytest.raises(InvalidCheckpoint, match=rf"{component}/config\.json: .*{reason}"):
        read(saved)


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        ({}, "None is not 'ciotat/1'"),
        ({"format": "ciotat/2"}, "'ciotat/2' is not 'ciotat/1'"),
        ({"format": FORMAT, "sampling": {"steps": 3}}, "unknown settings steps"),
        ({"format": FORMAT, "sampling": [1]}, "sampling must be a JSON object"),
        ({"format": FORMAT, "sampling": {"window": True}}, "window must be like 28, not True"),
        ({"format": FORMAT, "sampling": {"base_size": "128"}}, "base_size must be like 128, not '128'"),
        ([], "JSON object"),
    ],
)
def test_an_index_of_another_kind_is_named_with_the_reason(tmp_path, index, reason):
    (tmp_path / "model_index.json").write_text(json.dumps(index))

    with pytest.raises(InvalidCheckpoint, match=rf"model_index\.json.*{reason}"):
        load_index(tmp_path)


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("write", [lambda trap, file: file.write_bytes(pickle.dumps(trap)), torch.save])
def test_a_pickle_in_the_place_of_weights_is_refused_and_never_run(saved, write):
    write(Trap(saved / "trapped"), saved / "image" / "model.safetensors")

    with pytest.raises(InvalidCheckpoint, match=r"image/model\.safetensors"):
        read(saved)

    assert not (saved / "trapped").exists()


def test_a_checkpoint_is_loaded_without_torch_load(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("torch.load")

    monkeypatch.setattr(torch, "load", refuse)
    tiny.write_checkpoint(tmp_path)

    assert Pipeline.load(tmp_path).sampling == tiny.SAMPLING


def test_no_module_unpickles_but_one_that_knows_its_file_by_its_hash():
    unpicklers = {"pickle", "dill", "joblib", "cloudpickle"}
    modules = [file for package in ("model", "worker", "service") for file in (ROOT / package).rglob("*.py")]

    guilty = []
    for file in modules:
        for node in ast.walk(ast.parse(file.read_text())):
            loads = isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.load"
            imports = isinstance(node, ast.Import) and unpicklers & {name.name for name in node.names}
            if loads or imports or (isinstance(node, ast.ImportFrom) and node.module in unpicklers):
                guilty.append((file, node.lineno))

    assert len(modules) > 20
    assert {file.relative_to(ROOT).as_posix() for file, _ in guilty} == {"model/evaluation/lpips.py"}
    source = (ROOT / "model/evaluation/lpips.py").read_text()
    assert source.index("!= SHA256") < source.index("Arrays(io.BytesIO(content))")


def test_a_fingerprint_is_that_of_the_names_and_the_bytes_wherever_they_lie(saved, tmp_path_factory):
    said = fingerprint(saved)
    copy = tmp_path_factory.mktemp("copies") / "elsewhere"
    shutil.copytree(saved, copy)
    (copy / "README.md").write_text("no part of it")
    assert fingerprint(copy) == said

    weights = copy / "image" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert fingerprint(copy) != said

    shutil.copyfile(saved / "image" / "model.safetensors", weights)
    assert fingerprint(copy) == said
    (copy / "image").rename(copy / "picture")
    assert fingerprint(copy) != said
