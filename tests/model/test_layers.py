"""The image network's building blocks against plain loops, and what they promise before they are trained."""

import math

import pytest
import torch
from torch import nn

from model.layers import (
    Conditioner,
    CrossAttention,
    Film,
    Norm,
    ResBlock,
    SpatialAttention,
    TextPool,
    TextStates,
    fourier,
    per_frame,
)
from tests.tiny import awakened


def seeded(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def text_of(lengths, width, padded, seed=0):
    mask = torch.arange(padded)[None] < torch.tensor(lengths)[:, None]
    return TextStates(seeded(len(lengths), padded, width, seed=seed), mask)


def heads(vector, dim):
    """The heads of one token, each at unit mean square."""
    return [part / part.square().mean().add(torch.finfo(part.dtype).eps).sqrt() for part in vector.split(dim)]


def attention(queries, keys, values, dim):
    """Attention of each query to all keys, head by head, in loops."""
    rows = []
    for query in queries:
        row = []
        for k, part in enumerate(heads(query, dim)):
            scores = torch.stack([part @ heads(key, dim)[k] / math.sqrt(dim) for key in keys])
            weights = scores.exp() / scores.exp().sum()
            row.append(sum(w * value.split(dim)[k] for w, value in zip(weights, values, strict=True)))
        rows.append(torch.cat(row))
    return torch.stack(rows)


@pytest.mark.parametrize("channels", [8, 16, 64])
def test_a_norm_looks_at_each_frame_alone(channels):
    norm, x = awakened(Norm(channels)).double(), seeded(5, channels, 4, 6)

    together = norm(x)

    torch.testing.assert_close(torch.cat([norm(frame[None]) for frame in x]), together)


def test_a_new_residual_block_is_the_identity_and_so_are_new_attentions():
    x, vector = seeded(4, 128, 4, 2), seeded(2, 8, seed=1)
    text = text_of([3, 1], 12, 3)
    cross = CrossAttention(128, 12).double()

    assert torch.equal(ResBlock(128, 8).double()(x, vector), x)
    assert torch.equal(SpatialAttention(128).double()(x), x)
    assert torch.equal(cross(x, cross.read(text)), x)


def test_film_scales_and_shifts_all_frames_of_a_sample_by_that_samples_vector():
    film = awakened(Film(8, 6)).double()
    x, vector = seeded(6, 6, 2, 2), seeded(2, 8, seed=1)

    y = film(x, vector)

    for sample in range(2):
        scale, shift = film.project(vector[sample]).view(2, 6, 1, 1)
        for frame in range(3):
            n = 3 * sample + frame
            torch.testing.assert_close(y[n], x[n] * (1 + scale) + shift)


def test_a_new_film_is_the_identity():
    x = seeded(6, 6, 2, 2)

    assert torch.equal(Film(8, 6).double()(x, seeded(2, 8)), x)


def test_one_vector_a_sample_becomes_one_a_frame_sample_by_sample():
    vector = torch.tensor([[1.0], [2.0]])

    assert per_frame(vector, 6)[:, 0].tolist() == [1, 1, 1, 2, 2, 2]


def test_spatial_attention_is_attention_among_the_positions_of_each_frame():
    layer, x = awakened(SpatialAttention(128)).double(), seeded(2, 128, 2, 3)

    y = layer(x)

    for n in range(2):
        tokens = layer.norm(x[n : n + 1])[0].flatten(1).T  # row by row
        q, k, v = (layer.qkv(tokens))[:, :128], layer.qkv(tokens)[:, 128:256], layer.qkv(tokens)[:, 256:]
        change = layer.out(attention(q, k, v, 64)).T.reshape(128, 2, 3)
        torch.testing.assert_close(y[n], x[n] + change)


def test_cross_attention_is_attention_of_every_position_to_the_words_of_its_own_sample():
    layer = awakened(CrossAttention(128, 12)).double()
    x, lengths = seeded(4, 128, 1, 2), [3, 1]
    text = text_of(lengths, 12, padded=4)

    y = layer(x, layer.read(text))

    for n in range(4):
        sample = n // 2
        words = layer.text_norm(text.states[sample, : lengths[sample]])
        key, value = layer.key_value(words).split(128, dim=-1)
        query = layer.query(layer.norm(x[n : n + 1])[0].flatten(1).T)
        change = layer.out(attention(query, key, value, 64)).T.reshape(128, 1, 2)
        torch.testing.assert_close(y[n], x[n] + change)


def test_each_head_of_the_text_pool_averages_words_with_weights_of_its_own():
    pool, text = awakened(TextPool(12, 16)).double(), text_of([4, 2], 12, padded=5)

    pooled = pool(text)

    for sample, length in enumerate([4, 2]):
        words = pool.norm(text.states[sample, :length])
        weights, values = pool.score(words).softmax(dim=0), pool.value(words)
        heard = [(weights[:, k : k + 1] * values[:, 2 * k : 2 * k + 2]).sum(0) for k in range(8)]
        torch.testing.assert_close(pooled[sample], pool.out(torch.cat(heard)), rtol=1e-5, atol=1e-6)


def test_fourier_features_turn_at_geometric_frequencies():
    x = torch.tensor([0.0, 2.5, 70.0])

    features = fourier(x, 8, longest=100.0)

    for value, row in zip(x.tolist(), features.tolist(), strict=True):
        angles = [value / 100 ** (k / 4) for k in range(4)]
        expected = [math.cos(a) for a in angles] + [math.sin(a) for a in angles]
        assert row == pytest.approx(expected, abs=1e-5)


def test_conditioning_tells_noise_levels_texts_and_scalars_apart_and_is_finite_at_both_ends():
    conditioner = awakened(Conditioner(16, 12, 2)).double()
    text, other = text_of([3, 3], 12, 3), text_of([3, 3], 12, 3, seed=1)
    scalars = torch.tensor([[0.1, 1.0], [0.1, 1.0]])

    def vector(sigma=0.5, text=text, scalars=scalars):
        return conditioner(torch.tensor([sigma, sigma]), conditioner.read(text, scalars))[0]

    said = [vector(), vector(sigma=0.0), vector(sigma=1.0), vector(sigma=0.51), vector(text=other)]
    said += [vector(scalars=scalars + torch.tensor(change)) for change in ([0.1, 0.0], [0.0, -1 / 3])]

    assert all(v.isfinite().all() for v in said)
    assert min(torch.dist(a, b).item() for k, a in enumerate(said) for b in said[:k]) > 1e-3


def test_conditioning_that_a_network_was_not_given_is_missed():
    with pytest.raises(AssertionError, match="text"):
        Conditioner(16, 12, 0).read(None, None)
    with pytest.raises(AssertionError, match="scalars"):
        Conditioner(16, 0, 2).read(None, None)


def test_a_norm_trains_its_weight_on_a_channels_last_picture():
    norm = Norm(16)
    x = torch.randn(2, 16, 4, 4).contiguous(memory_format=torch.channels_last)

    nn.functional.silu(norm(x)).sum().backward()

    assert norm.weight.grad.isfinite().all()
