import numpy as np
import pytest
from PIL import Image

from worker.stills import preview, shrunk, spritesheet, thumbnail
from worker.variants import Variant, every_key, video_key


def shades(count, height, width):
    """Frames of one shade of grey each, from black to white."""
    greys = np.linspace(0, 255, count).astype(np.uint8)
    return np.broadcast_to(greys[:, None, None, None], (count, height, width, 3))


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [
        (128, 128, (128, 128)),
        (1024, 1024, (512, 512)),
        (1280, 720, (512, 288)),
        (720, 1280, (288, 512)),
    ],
)
def test_the_thumbnail_is_the_middle_frame_and_not_larger_than_needed(tmp_path, width, height, shown):
    frames = shades(17, height, width)

    thumbnail(frames, tmp_path / "still")

    with Image.open(tmp_path / "still") as picture:
        assert (picture.format, picture.size) == ("WEBP", shown)
        assert abs(np.asarray(picture.convert("L")).mean() - frames[8].mean()) < 3


@pytest.mark.parametrize("count", [16, 80])
def test_the_spritesheet_shows_the_video_from_its_first_frame_to_its_last(tmp_path, count):
    spritesheet(shades(count, 64, 128), tmp_path / "sheet")

    with Image.open(tmp_path / "sheet") as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (512, 256))
        tiles = np.asarray(sheet.convert("L")).reshape(4, 64, 4, 128).mean((1, 3)).ravel()
    assert (np.diff(tiles) > 10).all()
    assert tiles[0] < 2
    assert tiles[-1] > 253


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (128, 128)])
def test_pictures_of_a_video_have_its_proportion(tmp_path, width, height):
    frames = shades(16, height, width)

    spritesheet(frames, tmp_path / "sheet")
    preview(frames, 1, tmp_path / "preview")

    sizes = {}
    for name in ("sheet", "preview"):
        with Image.open(tmp_path / name) as picture:
            sizes[name] = picture.size
    tile = shrunk(width, height, 256)
    assert sizes == {"sheet": (4 * tile[0], 4 * tile[1]), "preview": shrunk(width, height, 128)}
    assert shrunk(width, height, 128) in {(128, 72), (72, 128), (128, 128)}


def test_variants_lie_side_by_side_and_every_attempt_has_keys_of_its_own():
    video = video_key("video_x", 2)

    keys = [variant.beside(video) for variant in Variant]

    assert keys == [
        "videos/video_x/2.mp4",
        "videos/video_x/2.thumbnail.webp",
        "videos/video_x/2.spritesheet.jpg",
        "videos/video_x/2.preview.webp",
    ]
    assert set(keys) <= set(every_key("video_x", 2))
