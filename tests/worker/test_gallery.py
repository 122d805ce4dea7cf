"""The gallery: videos of fixed questions, each with what makes it once more and what is wrong with it."""

import re
import shlex

import numpy as np
import pytest
from PIL import Image

from model.evaluation.parts import PARTS
from model.given import Given
from model.spec import VideoSpec
from service.cli import _parser
from tests.tiny import write_checkpoint
from worker import gallery
from worker.gallery import command, film, main, written
from worker.gallery_page import TITLES


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A gallery of two videos of a network that has learned nothing."""
    folder = tmp_path_factory.mktemp("gallery")
    write_checkpoint(folder / "tiny")
    (folder / "out").mkdir()
    (folder / "out" / "index.html").write_text("an earlier gallery")
    (folder / "out" / "old.webp").write_bytes(b"of an earlier gallery")
    asked = {"checkpoint": folder / "tiny", "out": folder / "out", "device": "cpu"}
    asked |= {"parts": "text_to_video", "each": 2, "size": 128, "steps": 1}
    main([word for name, value in asked.items() for word in (f"--{name}", str(value))])
    return folder / "out"


def test_each_video_stands_on_both_pages_with_its_prompt_its_seed_and_its_command(made):
    html, markdown = (made / "index.html").read_text(), (made / "README.md").read_text()

    assert sorted(file.name for file in made.iterdir()) == [
        "README.md", "index.html", "text_to_video-1.webp", "text_to_video-2.webp"
    ]  # fmt: skip
    assert re.findall(r'src="([^"]*)"', html) == re.findall(r"!\[.*\]\((.*)\)", markdown)
    for typed in re.findall(r"```sh\n(.*)\n```", markdown):
        options = _parser().parse_args(shlex.split(typed)[1:])
        assert VideoSpec(prompt=options.prompt, seed=options.seed, size=options.size).steps == 20
        assert f"**{options.prompt}**, seed {options.seed}." in markdown
    with Image.open(made / "text_to_video-1.webp") as video:
        assert video.n_frames == 80


def test_both_pages_say_which_weights_made_it_and_how(made):
    told = r"weights [0-9a-f]{16}, 1 steps at guidance 2.5, 128 pixels, on cpu"

    assert all(re.search(told, (made / page).read_text()) for page in ("index.html", "README.md"))


def test_a_folder_that_is_no_gallery_is_left_alone(tmp_path):
    write_checkpoint(tmp_path / "tiny")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")

    with pytest.raises(ValueError, match="is no gallery: nothing of it is touched"):
        main(["--checkpoint", str(tmp_path / "tiny"), "--out", str(tmp_path / "mine")])

    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_a_video_takes_no_more_bytes_than_it_may(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), np.uint8)

    film(frames, tmp_path / "good.webp", 10**6)
    free = (tmp_path / "good.webp").stat().st_size
    film(frames, tmp_path / "small.webp", 2 * free // 3)

    assert (tmp_path / "small.webp").stat().st_size <= 2 * free // 3


def test_every_part_that_is_shown_has_a_title():
    assert {name for name, part in PARTS.items() if part.task is not None} <= set(TITLES)


def test_a_failure_is_labelled_with_what_the_judges_saw(made):
    assert (made / "index.html").read_text().count("Failure: object seen as ") == 2
    assert (made / "README.md").read_text().count("Failure: object seen as ") == 2


def test_a_gallery_that_is_too_large_is_refused(made, monkeypatch, tmp_path):
    write_checkpoint(tmp_path / "tiny")
    monkeypatch.setattr(gallery, "MOST", 1000)

    with pytest.raises(ValueError, match="more than 0: --each, --size"):
        main(["--checkpoint", str(tmp_path / "tiny"), "--out", str(tmp_path / "out"), "--parts", "text_to_video",
              "--each", "1", "--size", "128", "--steps", "1"])  # fmt: skip


def test_what_was_given_is_written_so_that_it_can_be_given_again(tmp_path):
    rng = np.random.default_rng(0)
    clip = rng.integers(0, 255, (3, 32, 32, 3), np.uint8)
    mask = np.zeros((3, 32, 32), bool)
    mask[:, 8:] = True

    moving = dict(written(Given(clip, mask, clip[0]), "one", tmp_path))
    still = dict(written(Given(clip[:1]), "two", tmp_path))

    assert moving == {"video": "one-video.mp4", "mask": "one-mask.png", "last-frame": "one-last-frame.png"}
    with Image.open(tmp_path / "two-image.png") as first, Image.open(tmp_path / "one-mask.png") as white:
        assert np.array_equal(np.asarray(first), clip[0])
        assert np.array_equal(np.asarray(white)[..., 0] >= 128, mask[0])
    spec = VideoSpec(prompt="a cat", task="inpaint", seed=1, loop=True)
    assert _parser().parse_args(shlex.split(command(spec, moving))[1:]).video.name == "one-video.mp4"
    assert dict(written(Given(clip[:1].repeat(3, 0)), "three", tmp_path)) == {"video": "three-video.mp4"}
    assert command(spec, still) == (
        "ciotat generate 'a cat' --task inpaint --seed 1 --loop --image two-image.png -o video.mp4"
    )
