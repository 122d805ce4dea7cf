"""Photographs and the camera that moves over them."""

import json

import pytest
import torch

from model.training import photographs
from model.training.canvas import Window
from model.training.collect_photos import SELECTION
from model.training.photographs import CAMERAS, HEIGHT, PACES, WIDTH, Album, Shots, seen, shipped

FREE = ("CC0-1.0", "public domain", "CC-BY-")


@pytest.fixture(scope="module")
def album() -> Album:
    return Album.load("cpu")


def shots(camera: str, n: int = 8, pace: int = 1) -> Shots:
    look = torch.rand(n, 3, generator=torch.Generator().manual_seed(0))
    number = list(CAMERAS).index(camera)
    return Shots(torch.arange(n), torch.full((n,), number), torch.full((n,), pace), look)


def times(n: int = 8) -> torch.Tensor:
    return torch.linspace(0, 5, 6).expand(n, 6)


def test_every_photograph_has_a_licence_that_lets_anyone_use_it_and_a_name_of_its_own():
    for entry in SELECTION:
        assert entry["licence"].startswith(FREE)
        assert "SA" not in entry["licence"]
        assert "NC" not in entry["licence"]
        assert entry["author"]
        assert entry["url"]
    names, sources, pictures = shipped()
    assert list(names) == [entry["name"] for entry in SELECTION]
    assert list(sources) == [entry["file"] for entry in SELECTION]
    assert len(set(names)) == len(names)
    assert pictures.shape == (len(names), 3, HEIGHT, WIDTH)
    assert photographs.DATA.stat().st_size < 3 * 2**20


def test_the_notice_names_every_author_who_asks_for_it():
    notice = (photographs.DATA.parents[2] / "NOTICE").read_text()
    for entry in SELECTION:
        if entry["licence"].startswith("CC-BY"):
            assert entry["author"] in notice


def test_some_photographs_are_held_out_with_all_their_crops(album: Album):
    _, sources, _ = shipped()

    assert 0.08 < album.heldout.float().mean() < 0.3
    assert len({(source, held) for source, held in zip(sources, album.heldout.tolist(), strict=True)}) == len(
        set(sources)
    )
    for held in (False, True):
        drawn = Shots.drawn(300, album, torch.Generator().manual_seed(0), heldout=held)
        assert (album.heldout[drawn.photo] == held).all()


@pytest.mark.parametrize("frame", [(1.0, 1.0), (5 / 3, 1.0), (1.0, 5 / 3)], ids=["square", "wide", "tall"])
@pytest.mark.parametrize("camera", list(CAMERAS))
def test_the_camera_goes_where_it_is_said_to_and_never_leaves_the_photograph(
    camera: str, frame: tuple[float, float]
):
    x, y, width = seen(shots(camera), times(), frame).unbind(-1)
    height = width * frame[1] / frame[0] * (WIDTH / HEIGHT)

    for centre, extent in ((x, width), (y, height)):
        assert (centre - extent / 2).min() > -1e-5
        assert (centre + extent / 2).max() < 1 + 1e-5
    across, down, nearer = CAMERAS[camera]
    for track, sign in ((x, across), (y, down), (width, -nearer)):
        gone = track.diff(dim=1)
        assert (gone * sign > 0).all() if sign else gone.abs().max() < (0.06 if nearer else 1e-6)


def test_left_is_left_up_is_up_and_in_is_nearer():
    for camera, axis, sign in (
        ("pan left", 0, -1),
        ("pan right", 0, 1),
        ("tilt up", 1, -1),
        ("tilt down", 1, 1),
    ):
        gone = seen(shots(camera), times(), (1.0, 1.0))[..., axis].diff(dim=1)
        assert (gone * sign > 0).all()
    assert (seen(shots("zoom in"), times(), (1.0, 1.0))[..., 2].diff(dim=1) < 0).all()
    assert (seen(shots("zoom out"), times(), (1.0, 1.0))[..., 2].diff(dim=1) > 0).all()


def test_a_crop_is_a_slice_of_the_picture_and_what_stands_is_still(album: Album):
    standing = shots("stand")

    whole = photographs.draw(album, standing, times(), Window.of((96, 160), torch.zeros(8, 2)))
    corner = torch.tensor([[40, 20]]).expand(8, 2)
    part = photographs.draw(album, standing, times(), Window.of((96, 160), corner, 48))

    assert (whole[..., 20:68, 40:88] - part).abs().max() < 2e-3
    assert torch.equal(whole, whole[:, :1].expand_as(whole))
    moving = photographs.draw(album, shots("pan left"), times(), Window.of(64, torch.zeros(8, 2)))
    assert (moving[:, 0] - moving[:, -1]).abs().mean() > 0.02


def test_captions_name_the_photograph_the_camera_and_its_pace():
    for number, camera in enumerate(CAMERAS):
        for template in range(40):
            text = photographs.caption("a lake", number, 2, template)
            assert "a lake" in text
            assert "camera" in text or "ing" in text
            if camera != "stand":
                assert PACES[2] in text
        assert "a lake" in photographs.caption("a lake", number, 0, number, still=True)
    left = {photographs.caption("a lake", list(CAMERAS).index("pan left"), 0, t) for t in range(40)}
    assert all("left" in text and "slowly" in text for text in left)
    assert len(left) >= 10


def test_the_data_file_lists_what_it_holds():
    import zipfile

    with zipfile.ZipFile(photographs.DATA) as archive:
        assert len(archive.namelist()) == len(json.loads(archive.read("index.json"))) + 1
