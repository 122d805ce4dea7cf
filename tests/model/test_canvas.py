from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.canvas import Canvas
from model.spec import Size, VideoSpec


@pytest.mark.parametrize(
    ("size", "grid", "factor", "enlarged"),
    [
        ("128x128", (128, 128), 1, (128, 128)),
        ("256x256", (128, 128), 2, (256, 256)),
        ("512x512", (128, 128), 4, (512, 512)),
        ("1024x1024", (128, 128), 8, (1024, 1024)),
        ("1280x720", (96, 160), 8, (768, 1280)),
        ("720x1280", (160, 96), 8, (1280, 768)),
    ],
)
def test_every_size_has_its_base_grid_and_its_factor(size, grid, factor, enlarged):
    spec = VideoSpec(prompt="a", size=size)

    canvas = Canvas.of(spec.width, spec.height, 128)

    assert (canvas.grid, canvas.factor, canvas.enlarged) == (grid, factor, enlarged)
    assert f"{canvas.width}x{canvas.height}" == size


def test_these_are_all_sizes():
    assert len(get_args(Size)) == 6


@given(st.sampled_from(get_args(Size)), st.sampled_from([64, 128]))
def test_what_is_cut_out_is_the_middle(size, base):
    spec = VideoSpec(prompt="a", size=size)
    canvas = Canvas.of(spec.width, spec.height, base)
    rows, columns = (torch.arange(n) for n in canvas.enlarged)

    down = canvas.cut(rows[:, None].expand(canvas.enlarged)[None])[0, :, 0]
    across = canvas.cut(columns.expand(canvas.enlarged)[None])[0, 0]

    assert (len(down), len(across)) == (spec.height, spec.width)
    assert down[0] == len(rows) - 1 - down[-1]
    assert across[0] == len(columns) - 1 - across[-1]
