"""The world: what is promised of scenes, motions, pictures and captions."""

import random
from hashlib import sha256

import pytest
import torch
from torch.nn import functional

from model.evaluation.prompts import question
from model.training.backgrounds import BACKGROUNDS
from model.training.captions import caption, noun_phrase, phrasings
from model.training.collect_objects import NAMES as NAMED
from model.training.motions import MOTIONS, SPEEDS, STILL, heldout, heldout_mask, place
from model.training.objects import Atlas, Drawing, drawings, rasterise
from model.training.world import Scenes, World, clip_times

NAMES = ("octopus", "red apple", "fire engine", "full moon", "tiger", "scissors")


@pytest.fixture(scope="module")
def world() -> World:
    return World(Atlas.load("cpu", 256, NAMES, workers=0), "cpu")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scenes_of(world: World, motion: str, n: int = 12) -> Scenes:
    drawn = world.scenes(n, seeded())
    return Scenes(drawn.object, torch.full((n,), MOTIONS.index(motion)), *list(vars(drawn).values())[2:])


def path(world: World, motion: str) -> tuple[torch.Tensor, ...]:
    s = scenes_of(world, motion)
    spot = place(s.motion, s.speed, s.size, s.path, clip_times(len(s)))
    return spot.x, spot.y, spot.size, spot.angle


def test_the_objects_are_those_that_were_chosen_each_with_a_name_of_its_own():
    names = [drawing.name for drawing in drawings()]

    assert names == list(NAMED.values())
    assert 400 <= len(names) == len(set(names)) <= 450


def test_a_drawing_keeps_its_colour_and_its_transparency():
    half = '<rect width="64" height="128" fill="#ff8000" fill-opacity=".5"/>'

    picture = rasterise([Drawing("half", half, 128, False)], 64, workers=0)[0]

    assert picture[:, 32, 16].tolist() == pytest.approx([128, 64, 0, 128], abs=1)
    assert picture[:, 32, 48].tolist() == [0, 0, 0, 0]


def test_drawing_in_processes_changes_nothing():
    some = drawings()[:5]

    assert torch.equal(rasterise(some, 64, workers=2), rasterise(some, 64, workers=0))


def test_one_pair_in_ten_is_held_out_by_its_names_alone():
    mask = heldout_mask([drawing.name for drawing in drawings()])

    assert 0.09 < mask.float().mean() < 0.11
    assert (mask.float().mean(0) > 0.05).all()
    assert mask[0].tolist() == [heldout(drawings()[0].name, motion) for motion in MOTIONS]


def test_training_never_meets_a_held_out_pair_and_judging_meets_nothing_else(world: World):
    for held in (False, True):
        scenes = world.scenes(500, seeded(), heldout=held)

        assert (world.heldout[scenes.object, scenes.motion] == held).all()
        assert world.allowed[scenes.object, scenes.motion].all()


def test_a_moon_does_not_spin(world: World):
    moon = NAMES.index("full moon")

    assert [m for m, ok in zip(MOTIONS, world.allowed[moon].tolist(), strict=True) if not ok] == [
        "spin clockwise",
        "spin counter-clockwise",
    ]


def test_the_same_seed_draws_the_same_scenes_and_captions(world: World):
    one, two, other = (world.scenes(20, seeded(seed)) for seed in (5, 5, 6))

    assert all(torch.equal(a, b) for a, b in zip(vars(one).values(), vars(two).values(), strict=True))
    assert not torch.equal(one.path, other.path)
    assert world.captions(one, random.Random(1)) == world.captions(two, random.Random(1))


@pytest.mark.parametrize(
    ("motion", "axis", "sign"),
    [
        ("right", 0, 1),
        ("left", 0, -1),
        ("up", 1, -1),
        ("down", 1, 1),
        ("grow", 2, 1),
        ("shrink", 2, -1),
        ("spin clockwise", 3, 1),
        ("spin counter-clockwise", 3, -1),
    ],
)
def test_a_steady_motion_goes_one_way_only_and_leaves_the_rest_alone(
    world: World, motion: str, axis: int, sign: int
):
    spot = path(world, motion)

    assert (sign * spot[axis].diff(dim=1) > 0).all()
    for other in {0, 1, 2, 3} - {axis}:
        assert spot[other].diff(dim=1).abs().max() == 0


def test_what_bounces_touches_the_ground_again_and_again(world: World):
    _, y, size, _ = path(world, "bounce")

    bottom = (y + size / 2).max(1).values
    assert (bottom > 0.93).all()
    assert ((y + size / 2).min(1).values < 0.85).all()


def test_what_falls_speeds_up_and_comes_to_rest_at_the_bottom(world: World):
    _, y, size, _ = path(world, "fall")

    assert (y[:, 6] - y[:, 5] > y[:, 2] - y[:, 1]).all()
    assert y[:, -5:].diff(dim=1).abs().max() < 1e-5
    assert torch.allclose(y[:, -1] + size[:, -1] / 2, torch.tensor(0.98))


def test_what_swings_leans_to_the_side_it_is_on_and_what_circles_stays_upright(world: World):
    x, _, _, angle = path(world, "swing")
    assert (
        (x - x.mean(1, keepdim=True)).sign() == -(angle - angle.mean(1, keepdim=True)).sign()
    ).float().mean() > 0.9

    x, y, _, angle = path(world, "circle")
    radius = ((x - 0.5) ** 2 + (y - 0.5) ** 2).sqrt()
    assert radius.std(1).max() < 1e-5
    assert angle.abs().max() == 0


def test_what_shakes_moves_to_and_fro_sideways_and_what_stands_still_does_not_move(world: World):
    x, y, _, _ = path(world, "shake")
    assert ((x.diff(dim=1).sign().diff(dim=1) != 0).sum(1) >= 8).all()
    assert y.diff(dim=1).abs().max() == 0

    assert all(part.diff(dim=1).abs().max() == 0 for part in path(world, "stand still"))


def test_every_object_stays_mostly_in_sight(world: World):
    for motion in MOTIONS:
        x, y, _, _ = path(world, motion)

        assert x.min() > 0.02
        assert x.max() < 0.98
        assert y.min() > 0.02
        assert y.max() < 0.98


def test_a_crop_is_a_slice_of_the_picture(world: World):
    scenes, times = world.scenes(3, seeded()), clip_times(3, 2)
    corner = torch.tensor([[5, 70], [0, 0], [96, 33]])

    whole = world.render(scenes, times, 192)
    window = world.render(scenes, times, 192, crop=corner, crop_size=96)

    for picture, part, (x, y) in zip(whole, window, corner.tolist(), strict=True):
        assert (picture[..., y : y + 96, x : x + 96] - part).abs().max() < 2e-3


@pytest.mark.parametrize("kind", range(len(BACKGROUNDS)), ids=[b.name for b in BACKGROUNDS])
def test_a_large_picture_made_small_is_the_small_picture(world: World, kind: int):
    scenes, times = world.scenes(1, seeded(kind)), torch.tensor([[1.7]])
    scenes = Scenes(**{**vars(scenes), "background": torch.tensor([kind])})

    large = world.render(scenes, times, 1024, crop=(320, 320), crop_size=384)[:, :, 0]
    small = world.render(scenes, times, 128, crop=(40, 40), crop_size=48)[:, :, 0]

    error = (functional.avg_pool2d(large, 8) - small).square().mean()
    assert 10 * torch.log10(4 / error) > 35


@pytest.mark.parametrize("size", [(96, 160), (160, 96)], ids=["wide", "tall"])
def test_in_a_frame_of_another_shape_a_drawing_keeps_its_own(world: World, size: tuple[int, int]):
    """The same drawing, as large in the short side, upright: its picture is that of the square, moved."""
    scenes = scenes_of(world, "stand still", 8)
    plain = {**vars(scenes), "background": torch.zeros(8, dtype=torch.long), "path": torch.full((8, 4), 0.5)}
    scenes, times = Scenes(**plain), torch.zeros(8, 1)

    square = world.render(scenes, times, 96)[:, :, 0]
    other = world.render(scenes, times, size)[:, :, 0]

    assert other.shape == (8, 3, *size)
    top, left = ((long - 96) // 2 for long in size)
    assert (other[..., top : top + 96, left : left + 96] - square).abs().max() < 1e-4


@pytest.mark.parametrize("frame", [(5 / 3, 1.0), (1.0, 5 / 3)], ids=["wide", "tall"])
def test_motion_uses_the_whole_frame_and_stays_in_it(world: World, frame: tuple[float, float]):
    for motion in MOTIONS:
        s = scenes_of(world, motion)
        spot = place(s.motion, s.speed, s.size, s.path, clip_times(len(s)), frame)
        assert (spot.x / frame[0]).min() > 0.02
        assert (spot.x / frame[0]).max() < 0.98
        assert (spot.y / frame[1]).min() > 0.02
        assert (spot.y / frame[1]).max() < 0.98
        if motion in ("right", "down"):
            axis = 0 if motion == "right" else 1
            squared = place(s.motion, s.speed, s.size, s.path, clip_times(len(s)))
            gone = [(p.x, p.y)[axis][:, -1] - (p.x, p.y)[axis][:, 0] for p in (spot, squared)]
            torch.testing.assert_close(gone[0], gone[1] * frame[axis])
        if motion in ("fall", "bounce"):  # to the ground of this frame
            torch.testing.assert_close(
                (spot.y + spot.size / 2).max(1).values,
                torch.full((len(s),), 0.98 * frame[1]),
                atol=0.05,
                rtol=0,
            )


def test_a_crop_of_a_wide_picture_is_a_slice_of_it_too(world: World):
    scenes, times = world.scenes(6, seeded(2)), clip_times(6, 2)

    whole = world.render(scenes, times, (96, 160))
    window = world.render(scenes, times, (96, 160), crop=(70, 11), crop_size=(40, 64))

    assert (whole[..., 11:51, 70:134] - window).abs().max() < 2e-3


@pytest.mark.parametrize("kind", range(len(BACKGROUNDS)), ids=[b.name for b in BACKGROUNDS])
def test_every_background_is_drawn_in_any_shape(world: World, kind: int):
    scenes = Scenes(**{**vars(world.scenes(1, seeded(kind))), "background": torch.tensor([kind])})

    for size in ((96, 160), (160, 96)):
        picture = world.render(scenes, torch.tensor([[0.5]]), size)
        assert picture.shape == (1, 3, 1, *size)
        assert picture.isfinite().all()


def test_a_batch_of_scenes_is_each_scene_alone(world: World):
    scenes, times = world.scenes(6, seeded(3)), clip_times(6, 3)

    together = world.render(scenes, times, 64)

    for i in range(6):
        alone = world.render(scenes[i : i + 1], times[i : i + 1], 64)
        assert torch.allclose(together[i : i + 1], alone, atol=1e-5)


def test_pictures_fill_their_range_and_only_move_when_told(world: World):
    clip = world.render(scenes_of(world, "stand still", 4), clip_times(4, 4), 64)

    assert clip.shape == (4, 3, 4, 64, 64)
    assert clip.min() >= -1
    assert clip.max() <= 1


def test_every_caption_names_the_object_the_motion_and_the_background():
    seen = {
        caption("octopus", MOTIONS.index("circle"), 0, BACKGROUNDS.index(teal()), template)
        for template in range(phrasings())
    }

    assert len(seen) == phrasings()
    assert "an octopus circling slowly on a teal background" in seen
    for text in seen:
        assert "octopus" in text
        assert "circl" in text
        assert "slowly" in text
        assert "teal background" in text


def test_the_questions_of_the_evaluation_stay_those_that_they_are():
    """Figures of one day can be compared with those of another only while nothing here changes what is asked."""
    asked = (question(index, 0) for index in range(200))
    lines = "\n".join(f"{q.prompt}|{q.object}|{q.motion}|{q.speed}|{q.background}|{q.seed}" for q in asked)

    assert sha256(lines.encode()).hexdigest().startswith("d58f22876f865ad5")


def test_a_still_picture_is_mostly_described_without_motion(world: World):
    scenes = world.scenes(200, seeded())

    told = world.captions(scenes, random.Random(0), still=True)

    moving = sum("ing" in text.replace("wing", "") for text in told)
    assert 20 < moving < 120
    assert phrasings(still=True) >= 6


def test_what_stands_still_has_no_speed(world: World):
    scenes = world.scenes(300, seeded())

    assert {SPEEDS[i] for i in scenes.speed[scenes.motion == STILL].tolist()} == {""}


def test_articles_are_right():
    told = [
        noun_phrase(name)
        for name in ("octopus", "unicorn", "hourglass", "scissors", "Statue of Liberty", "pear")
    ]

    assert told == ["an octopus", "a unicorn", "an hourglass", "scissors", "the Statue of Liberty", "a pear"]


def teal():
    return next(background for background in BACKGROUNDS if "teal background" in background.name)
