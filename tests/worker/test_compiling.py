"""A worker compiles for the sizes that it was told of, and for none where that does not pay."""

import pytest
import torch

from model.optimise import Optimised, Speed
from model.pipeline import Pipeline
from model.weights import Sampling
from tests import tiny
from worker import compiling
from worker.compiling import compile_for
from worker.settings import Settings


@pytest.fixture
def folder(tmp_path):
    tiny.write_checkpoint(tmp_path / "ciotat-1", Sampling(base_size=32, window=16, ssr_steps=1))
    return tmp_path / "ciotat-1"


def test_on_a_cpu_nothing_is_compiled(folder, tmp_path):
    pipeline = Pipeline.load(folder, dtype=torch.float32)

    compile_for(["128x128"], pipeline, folder, 1, tmp_path)

    assert not isinstance(pipeline.base, Optimised)


def test_the_shapes_of_both_networks_are_prepared_for_each_size(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "fastest", lambda device: Speed(compiled="whole", paired=True))
    monkeypatch.setattr(torch, "compile", lambda run, **_: run)
    pipeline = Pipeline.load(folder, dtype=torch.float32)

    compile_for(["128x128"], pipeline, folder, 2, tmp_path)

    assert isinstance(pipeline.base, Optimised)
    assert isinstance(pipeline.ssr, Optimised)
    windows = {shapes[0][0] for shapes in pipeline.ssr._prepared}
    assert windows == {(2, 6, 16, 128, 128)}
    assert {shapes[0][0][0] for shapes in pipeline.base._prepared} == {2}  # both halves of guidance
    assert not pipeline.base.learning


def test_what_is_no_size_is_refused_by_name():
    with pytest.raises(ValueError, match="'300x300' is no size of a video"):
        Settings(optimise_sizes="512x512,300x300")
    assert Settings(optimise_sizes="512x512, 1280x720").optimise_sizes == "512x512, 1280x720"
