"""The mixture: its shares, two objects and what one is to the other, colours, words."""

import random
import re
from collections import Counter

import pytest
import torch

from model.training import colours, pairs, words
from model.training.captions import noun_phrase
from model.training.colours import COLOURS, NAMED, OWN, tinted, usual_lightness
from model.training.mixture import DRAWN, NATURE, PHOTOGRAPH, SHARES, Mixed, Mixture, numbers
from model.training.motions import MOTIONS
from model.training.objects import Atlas, drawings
from model.training.pairs import CIRCLE, FOLLOWING, LEFT, ORBITING, RELATIONS, RIGHT, Actors
from model.training.photographs import Album
from model.training.phrasing import Actor, action, thing, two
from model.training.world import World, clip_times

NAMES = (*tuple(drawing.name for drawing in drawings()[::16]), "car", "cat", "bicycle", "rabbit")


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    return Mixture(World(Atlas.load("cpu", 64, NAMES, workers=0), "cpu"), Album.load("cpu"))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def only(scenes: Mixed, objects: int, setting: int | None = None) -> Mixed:
    rows = scenes.objects == objects
    return scenes[rows if setting is None else rows & (scenes.setting == setting)]


def test_one_object_before_a_drawn_background_is_most_of_it(mixture: Mixture):
    scenes = mixture.scenes(8000, seeded())

    found = Counter(zip(scenes.objects.tolist(), scenes.setting.tolist(), strict=True))
    assert sum(SHARES.values()) == pytest.approx(1)
    assert SHARES[1, DRAWN] > 0.5
    for kind, share in SHARES.items():
        assert found[kind] / 8000 == pytest.approx(share, abs=0.02)


def test_the_same_seed_gives_the_same_scenes_captions_and_pictures(mixture: Mixture):
    one, two = (mixture.scenes(24, seeded(3)) for _ in range(2))

    assert numbers(one) == numbers(two) != numbers(mixture.scenes(24, seeded(4)))
    assert mixture.captions(one, random.Random(1)) == mixture.captions(two, random.Random(1))
    assert torch.equal(*(mixture.render(s, clip_times(24, 2), 32) for s in (one, two)))


def test_a_batch_of_all_kinds_is_each_scene_alone_in_any_shape(mixture: Mixture):
    scenes = mixture.scenes(16, seeded(5))

    for size in (32, (24, 40), (40, 24)):
        clips = mixture.render(scenes, clip_times(16, 3), size)
        assert clips.shape[3:] == ((size, size) if isinstance(size, int) else size)
        assert clips.abs().max() <= 1
        for i in (0, 7, 15):
            alone = mixture.render(scenes[i : i + 1], clip_times(1, 3), size)
            torch.testing.assert_close(clips[i : i + 1], alone, atol=2e-5, rtol=0)


def test_a_crop_is_a_slice_of_the_picture(mixture: Mixture):
    scenes = mixture.scenes(40, seeded(6))
    corner = torch.tensor([[31, 9]]).expand(40, 2)

    whole = mixture.render(scenes, clip_times(40, 1), (72, 120))
    part = mixture.render(scenes, clip_times(40, 1), (72, 120), crop=corner, crop_size=40)

    assert (whole[..., 9:49, 31:71] - part).abs().max() < 4e-3


def test_outside_of_where_it_moves_a_clip_is_still(mixture: Mixture):
    scenes = mixture.scenes(200, seeded(7))
    natural = only(scenes, 0, NATURE)

    clips = mixture.render(natural, clip_times(len(natural), 5), 32)
    moves = mixture.regions(natural, 32)
    changed = (clips != clips[:, :, :1]).any(1).any(1)
    assert not (changed & ~moves).any()
    assert 0.1 < moves.float().mean() < 0.9
    others = scenes[~((scenes.objects == 0) & (scenes.setting == NATURE))]
    assert mixture.regions(others, (24, 40)).all()


def test_training_meets_no_held_out_pair_colour_or_photograph_and_evaluation_nothing_else(mixture: Mixture):
    names = mixture.world.atlas.names
    for held in (False, True):
        scenes = mixture.scenes(2000, seeded(8), heldout=held)
        for rows, actors in (
            (scenes.objects >= 1, scenes.first),
            (scenes.objects == 2, scenes.second),
        ):
            shown = actors[rows]
            assert (mixture.world.heldout[shown.object, shown.motion] == held).all()
            assert mixture.world.allowed[shown.object, shown.motion].all()
            painted = [
                (names[o], NAMED[c])
                for o, c in zip(shown.object.tolist(), shown.colour.tolist(), strict=True)
                if c
            ]
            assert painted
            assert all(colours.heldout(*pair) == held for pair in painted)
        assert (mixture.album.heldout[scenes.shot.photo] == held).all()


def test_where_photographs_would_be_blurred_there_are_none(mixture: Mixture):
    scenes = mixture.sharp().scenes(500, seeded(9))

    assert set(scenes.setting.tolist()) == {DRAWN, NATURE}


def test_captions_name_what_there_is(mixture: Mixture):
    scenes = mixture.scenes(1500, seeded(10))
    told = mixture.captions(scenes, random.Random(0))
    names = mixture.world.atlas.names

    def called(actor: dict[str, int]) -> set[str]:
        name = names[actor["object"]]
        return (
            {name, *words.SYNONYMS.get(name, ())}
            if actor["colour"] == OWN
            else {f"{NAMED[actor['colour']]} {name}"}
        )

    for row, text in zip(numbers(scenes), told, strict=True):
        assert "{" not in text
        assert "  " not in text
        for which in ("first", "second")[: row["objects"]]:
            assert any(name in text for name in called(row[which])), text
        if row["objects"] == 2:
            assert any(phrase in text for phrase in RELATIONS[row["relation"]].phrases), text
        if row["setting"] == PHOTOGRAPH:
            assert mixture.album.names[row["shot"]["photo"]] in text


def test_a_still_picture_is_mostly_described_without_motion(mixture: Mixture):
    scenes = only(mixture.scenes(2000, seeded(11)), 2)
    told = mixture.captions(scenes, random.Random(0), still=True)

    motions = [phrase for name in MOTIONS for phrase in words.MORE_PHRASES[name]]
    assert sum(any(phrase in text for phrase in motions) for text in told) < 0.4 * len(told)


def test_no_training_caption_holds_a_held_out_word(mixture: Mixture):
    atlas = Atlas(
        tuple(d.name for d in drawings()), tuple(d.round for d in drawings()), mixture.world.atlas.levels
    )
    everything = Mixture.__new__(Mixture)
    everything.__dict__ |= mixture.__dict__ | {"world": World(atlas, "cpu")}
    told: list[str] = []
    rng = random.Random(0)
    for drawing in drawings():  # every name, every phrase
        for motion in range(len(MOTIONS)):
            actor = Actor(drawing.name, motion, rng.randrange(5), 0)
            told.append(f"{thing(actor, rng)} {action(actor, rng)}")
    for relation in range(len(RELATIONS)):
        told += [two(actor, actor, relation, "here", rng, False) for _ in range(40)]
    told += mixture.captions(mixture.scenes(2000, seeded(12)), rng)
    text = "\n".join(told).lower()

    unseen = words.unseen() | {relation.unseen for relation in RELATIONS}
    assert [word for word in unseen if re.search(rf"\b{re.escape(word.lower())}\b", text)] == []
    assert len(words.UNSEEN) >= 40
    assert set(words.UNSEEN) | set(words.SYNONYMS) <= {drawing.name for drawing in drawings()}
    assert set(words.MORE_PHRASES) == set(words.UNSEEN_PHRASES) == set(MOTIONS)


def placed(relation: str, frame: tuple[float, float] = (1.0, 1.0)):
    """Both of 40 pairs that stand still, over time."""
    number = next(i for i, r in enumerate(RELATIONS) if relation in r.phrases)
    n = 40
    rand = torch.rand(2, n, 4, generator=seeded(1))
    still = MOTIONS.index("stand still")
    motion = torch.full((n,), {ORBITING: CIRCLE, FOLLOWING: RIGHT}.get(number, still))
    motion[::2] = LEFT if number == FOLLOWING else motion[::2]
    size = torch.linspace(0.4, 0.6, n)
    actors = [
        Actors(torch.arange(n), m, torch.full((n,), 1), size, path, torch.zeros(n, dtype=torch.long))
        for m, path in zip(
            (motion, motion if number == FOLLOWING else torch.full((n,), still)), rand, strict=True
        )
    ]
    times = clip_times(n, 20)
    return (*pairs.together(*actors, torch.full((n,), number), times, frame), motion)


@pytest.mark.parametrize("frame", [(1.0, 1.0), (5 / 3, 1.0), (1.0, 5 / 3)], ids=["square", "wide", "tall"])
def test_each_relation_is_what_it_says(frame: tuple[float, float]):
    for phrase, axis, sign in (
        ("to the left of", "x", -1),
        ("to the right of", "x", 1),
        ("above", "y", -1),
        ("below", "y", 1),
    ):
        one, other, _ = placed(phrase, frame)
        apart = sign * (getattr(one, axis) - getattr(other, axis))
        assert (apart > 0.3).all()
        assert (one.x > 0).all()
        assert (one.y > 0).all()
    for phrase in ("in front of", "behind"):
        one, other, _ = placed(phrase, frame)
        far = ((one.x - other.x).square() + (one.y - other.y).square()).sqrt()
        assert (far < 0.8 * (one.size + other.size)).float().mean() > 0.9  # they overlap, but for luck
    one, other, _ = placed("orbiting", frame)
    far = ((one.x - other.x).square() + (one.y - other.y).square()).sqrt()
    assert (far - pairs.RADIUS).abs().max() < 1e-5
    assert one.x.std(1).min() > 0.05
    assert (other.x.diff(dim=1) == 0).all()
    one, other, motion = placed("following", frame)
    ahead = (other.x - one.x) * torch.where(motion == RIGHT, 1.0, -1.0)[:, None]
    assert (ahead > 0.3).all()
    gone = (one.x[:, -1] - one.x[:, 0]) * torch.where(motion == RIGHT, 1.0, -1.0)
    assert (gone > 0.2).all()
    torch.testing.assert_close(one.x - one.x[:, :1], other.x - other.x[:, :1])


def test_who_is_in_front_covers_the_other(mixture: Mixture):
    scenes = only(mixture.scenes(1500, seeded(13)), 2)
    for number, relation in enumerate(RELATIONS):
        mine = scenes[scenes.relation == number]
        (far, _), (near, _) = mixture._two(mine, clip_times(len(mine), 2), (1.0, 1.0))
        expected = (mine.second, mine.first) if relation.on_top else (mine.first, mine.second)
        assert torch.equal(far.object, expected[0].object)
        assert torch.equal(near.path, expected[1].path)


def test_a_drawing_in_another_colour_keeps_its_outline_and_its_light_and_shade():
    atlas = Atlas.load("cpu", 64, ("car", "cat", "bicycle"), workers=0)
    pictures = atlas.levels[0].float()[:, None] / 255
    usual = usual_lightness(atlas.levels[0])
    for number, (name, code) in enumerate(COLOURS.items(), start=1):
        painted = tinted(pictures, torch.full((3,), number), usual)

        assert torch.equal(painted[:, :, 3], pictures[:, :, 3])
        assert (painted[:, :, :3] <= painted[:, :, 3:] + 1e-5).all()
        assert painted.min() >= 0
        mean = painted[:, 0, :3].sum((2, 3)) / painted[:, 0, 3].sum((1, 2))[:, None]
        wanted = torch.tensor([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)])
        nearest = {
            other: float(
                (mean - torch.tensor([int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)])).square().sum()
            )
            for other, c in COLOURS.items()
        }
        hue = {"black": "grey"}.get(name, name)
        assert min(nearest, key=nearest.__getitem__) in {name, hue, "purple" if name == "blue" else name}, (
            name
        )
        assert (mean - wanted).abs().mean() < 0.25


def test_what_is_said_to_have_a_colour_gets_no_other():
    may = colours.paintable(["red apple", "car", "black cat", "zebra"])

    assert may.any(1).tolist() == [False, True, False, False]
    both = may[1] | colours.paintable(["car"], held=True)[0]
    assert both.all()
    assert noun_phrase("scissors", "blue") == "blue scissors"
    assert noun_phrase("car", "orange") == "an orange car"
