"""The border between what is known and what was made: the one to the byte, the other softened, and nothing leaks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.feather import feathered


def flat(value, frames=2, side=256):
    return np.full((frames, side, side, 3), value, dtype=np.uint8)


def half(frames=2, side=256):
    known = np.zeros((frames, side, side), dtype=bool)
    known[:, :, : side // 2] = True
    return known


@given(st.integers(0, 99), st.floats(0.0, 1.0))
def test_what_is_known_is_kept_to_the_byte_and_what_it_hides_is_never_seen(seed, share):
    chance = np.random.default_rng(seed)
    made, clip, other = (chance.integers(0, 256, (2, 24, 24, 3), dtype=np.uint8) for _ in range(3))
    known = chance.random((2, 24, 24)) < share
    hidden = np.where(known[..., None], clip, other)

    whole = feathered(made, clip, known)

    assert np.array_equal(whole[known], clip[known])
    assert np.array_equal(whole, feathered(made, hidden, known))


@pytest.mark.parametrize(("side", "wide"), [(128, 1), (256, 2), (512, 4)])
def test_the_edge_is_a_few_pixels_wide_fades_and_lies_inside_what_was_made(side, wide):
    row = feathered(flat(200, 1, side), flat(0, 1, side), half(1, side))[0, side // 2, :, 0].astype(int)

    edge = row[side // 2 : side // 2 + wide]
    assert (row[: side // 2] == 0).all()
    assert ((edge > 0) & (edge < 200)).all()
    assert (np.diff(edge) > 0).all()
    assert (row[side // 2 + wide :] == 200).all()


@pytest.mark.parametrize("known", [np.zeros, np.ones])
def test_without_a_border_there_is_no_edge(known):
    whole = feathered(flat(200), flat(0), known((2, 256, 256), dtype=bool))

    assert np.array_equal(whole, flat(200) if known is np.zeros else flat(0))


def test_frames_have_borders_of_their_own():
    known = half()
    known[1] = True

    whole = feathered(flat(200), flat(0), known)

    assert whole[0].any()
    assert not whole[1].any()
