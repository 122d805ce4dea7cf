"""The Space-Time U-Net: what inflation keeps of the image network, and what a video network never mixes up."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.image_unet import ImageUNetConfig
from model.layers import CrossAttention, TextStates
from model.stunet import InflationConfig, InflationError, STUNet, inflate
from model.weights import InvalidCheckpoint, load_stunet, save_component
from tests import tiny

TEXT_WIDTH = 12


def config(levels=2, text=True, scalars=0, **changes):
    """A tiny image network of that many levels, with every kind of layer."""
    coarsest = [False] * (levels - 1) + [True]
    return ImageUNetConfig(
        patch=2,
        widths=(*(16, 64, 64)[: levels - 1], 64),
        blocks=(*(1, 2, 1)[: levels - 1], 2),
        cross_attention=tuple(text and (wide or level == 1) for level, wide in enumerate(coarsest)),
        self_attention=tuple(coarsest),
        embedding=16,
        text_dim=TEXT_WIDTH if text else 0,
        scalars=scalars if text else max(1, scalars),
        **changes,
    )


def seeded(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def request(image, lengths, padded=None, seed=0):
    """Text states and scalars of as many samples as there are lengths; padding is filled with rubbish."""
    padded = padded or max(lengths)
    mask = torch.arange(padded)[None] < torch.tensor(lengths)[:, None]
    states = torch.where(
        mask[..., None], seeded(len(lengths), 9, TEXT_WIDTH, seed=seed)[:, :padded], torch.tensor(1e6)
    )
    text = TextStates(states, mask) if image.text_dim else None
    scalars = seeded(len(lengths), image.scalars, seed=seed + 1).sigmoid() if image.scalars else None
    return text, scalars


def sample_of(asked, k, length):
    """One sample of a request, its text without padding."""
    text, scalars = asked
    text = text and TextStates(text.states[k : k + 1, :length], text.mask[k : k + 1, :length])
    return text, None if scalars is None else scalars[k : k + 1]


conditionings = st.sampled_from([(True, 0), (False, 2), (True, 2)])


@settings(max_examples=25)
@given(
    st.integers(1, 4),
    conditionings,
    st.integers(1, 2),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.sampled_from([1, 3, 5]),
    st.integers(0, 99),
)
def test_an_untrained_video_network_is_the_image_network_on_every_nth_frame(
    levels, conditioning, groups, size, kernel, seed
):
    image = tiny.image_unet(config(levels, *conditioning), seed).double()
    network = inflate(image, InflationConfig(kernel=kernel, attention_blocks=2, embedding=16))
    n = network.temporal_factor
    x = seeded(2, 3, n * groups, *(image.config.divisor * side for side in size), seed=seed)
    sigma, asked = torch.tensor([0.9, 0.3], dtype=torch.float64), request(image.config, [4, 2], seed=seed)

    clip = network(x, sigma, network.read(*asked))

    assert n == 2 ** (levels - 1)
    for t in range(0, n * groups, n):
        torch.testing.assert_close(clip[:, :, t], image(x[:, :, t], sigma, image.read(*asked)))


def test_between_those_frames_the_coarse_features_are_those_of_the_frame_before():
    """Each frame of an untrained network is the image network whose level k saw frame t // 2^k * 2^k."""
    image = tiny.image_unet(config(3)).double()
    network = inflate(image, InflationConfig(attention_blocks=1, embedding=16))
    x, sigma, asked = (
        seeded(1, 3, 8, 8, 8),
        torch.tensor([0.6], dtype=torch.float64),
        request(image.config, [3]),
    )
    context = image.read(*asked)
    vector = image.conditioner(sigma, context.vector)

    def blocks(side, y, texts):
        for block in side.blocks:
            y = block(y, vector, next(texts) if block.cross is not None else None)
        return y

    def encoded(t):
        texts, y, levels = iter(context.text), image.entry(x[:, :, t]), []
        for level, side in enumerate(image.encoder):
            y = blocks(side, image.downs[level - 1](y) if level else y, texts)
            levels.append(y)
        return levels, texts

    clip = network(x, sigma, network.read(*asked))

    for t in range(8):
        y, texts = encoded(t // 4 * 4)[0][2], encoded(0)[1]
        for level in (1, 0):
            skip = encoded(t // 2**level * 2**level)[0][level]
            merged = image.merges[level](torch.cat([image.ups[level](y), skip], dim=1))
            y = blocks(image.decoder[level], merged, texts)
        torch.testing.assert_close(clip[:, :, t], image.exit(y))


def test_a_trained_network_is_another_one():
    image = tiny.image_unet(config()).double()
    network = inflate(image, InflationConfig(embedding=16))
    x, sigma, asked = (
        seeded(1, 3, 4, 4, 4),
        torch.tensor([0.6], dtype=torch.float64),
        request(image.config, [3]),
    )

    fresh = network(x, sigma, network.read(*asked))
    tiny.awakened(network.temporal)

    assert (network(x, sigma, network.read(*asked)) - fresh).abs().mean() > 1e-3


@pytest.mark.parametrize(("text", "scalars"), [(True, 0), (False, 2), (True, 2)])
def test_only_temporal_weights_are_trained_and_all_of_them(text, scalars):
    image = tiny.image_unet(config(3, text, scalars)).double()
    network = inflate(image, InflationConfig(attention_blocks=2, embedding=16))
    tiny.awakened(network.temporal)
    asked = request(image.config, [4, 3])

    clip = network.train()(seeded(2, 3, 8, 8, 8), torch.tensor([0.9, 0.3]).double(), network.read(*asked))
    clip.square().mean().backward()

    assert [
        name for name, p in network.image.named_parameters() if p.requires_grad or p.grad is not None
    ] == []
    silent = [
        name
        for name, p in network.temporal.named_parameters()
        if p.grad is None or not p.grad.abs().sum() > 0
    ]
    assert silent == []


def test_the_first_gradients_reach_the_layers_that_start_at_zero():
    image = tiny.image_unet(config())
    network = inflate(image, InflationConfig(embedding=16))
    asked = request(image.config, [4])

    network(
        seeded(1, 3, 4, 8, 8).float(), torch.tensor([0.5]), network.read(*asked)
    ).square().mean().backward()

    reached = {name for name, p in network.temporal.named_parameters() if p.grad is not None and p.grad.any()}
    assert {name for name, _ in network.temporal.named_parameters() if ".project." in name} - reached == {
        name for name, _ in network.temporal.named_parameters() if ".film.project." in name
    }
    assert {"downs.0.conv.weight", "ups.0.conv.weight"} <= reached


@pytest.mark.parametrize(("levels", "frames", "factor"), [(2, 3, 2), (3, 6, 4), (4, 12, 8)])
def test_frames_that_do_not_divide_are_refused_with_both_numbers(levels, frames, factor):
    image = tiny.image_unet(config(levels))
    network = inflate(image, InflationConfig(embedding=16))
    side, asked = image.config.divisor, request(image.config, [1])

    with pytest.raises(InflationError, match=rf"\b{frames} frames .* factor {factor}\b"):
        network(seeded(1, 3, frames, side, side).float(), torch.ones(1), network.read(*asked))


@pytest.mark.parametrize("size", [(8, 12), (12, 8), (4, 4)])
def test_pictures_that_do_not_divide_are_refused_with_their_size_and_the_divisor(size):
    image = tiny.image_unet(config(3))
    network, asked = inflate(image, InflationConfig(embedding=16)), request(image.config, [1])

    with pytest.raises(ValueError, match=rf"\b{size[0]}x{size[1]} pixels .* 8\b"):
        image(seeded(1, 3, *size).float(), torch.ones(1), image.read(*asked))
    with pytest.raises(ValueError, match=rf"\b{size[0]}x{size[1]} pixels .* 8\b"):
        network(seeded(1, 3, 4, *size).float(), torch.ones(1), network.read(*asked))


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(InflationError, match="4"):
        InflationConfig(kernel=4)
    with pytest.raises(ValueError, match="levels"):
        replace(config(), blocks=(1,))
    with pytest.raises(ValueError, match="text_dim"):
        replace(config(text=False), scalars=0)
    with pytest.raises(ValueError, match="text_dim"):
        replace(config(), text_dim=0, scalars=1)


@settings(max_examples=10)
@given(conditionings, st.lists(st.integers(1, 5), min_size=2, max_size=3), st.integers(0, 99))
def test_a_batch_is_its_members(conditioning, lengths, seed):
    image = config(3, *conditioning)
    network = tiny.stunet(image, seed=seed).double()
    x, asked = seeded(len(lengths), 3, 8, 8, 16, seed=seed), request(image, lengths, seed=seed)
    sigma = torch.tensor([1.0, 0.5, 0.1], dtype=torch.float64)[: len(lengths)]

    batch = network(x, sigma, network.read(*asked))

    for k, length in enumerate(lengths):
        alone = network(x[k : k + 1], sigma[k : k + 1], network.read(*sample_of(asked, k, length)))
        torch.testing.assert_close(batch[k : k + 1], alone, rtol=1e-5, atol=1e-5)


def test_a_batch_of_pictures_is_its_members():
    image = tiny.image_unet(config(3, True, 2)).double()
    asked, x = request(image.config, [4, 1]), seeded(2, 3, 8, 16)
    sigma = torch.tensor([1.0, 0.2], dtype=torch.float64)

    batch = image(x, sigma, image.read(*asked))

    for k, length in enumerate([4, 1]):
        alone = image(x[k : k + 1], sigma[k : k + 1], image.read(*sample_of(asked, k, length)))
        torch.testing.assert_close(batch[k : k + 1], alone, rtol=1e-5, atol=1e-5)


@given(st.integers(1, 5), st.integers(1, 4))
@settings(max_examples=10)
def test_padding_of_the_text_does_not_matter_and_the_text_does(length, more):
    network = tiny.stunet(config()).double()
    x, sigma = seeded(1, 3, 4, 4, 4), torch.tensor([0.6], dtype=torch.float64)

    def clip(length, padded, seed=0):
        return network(x, sigma, network.read(*request(network.image.config, [length], padded, seed)))

    torch.testing.assert_close(clip(length, length + more), clip(length, length), rtol=1e-5, atol=1e-5)
    assert not torch.allclose(clip(length, length, seed=5), clip(length, length), atol=1e-3)


def test_every_attention_to_the_text_is_given_the_keys_that_it_projected_itself():
    network = tiny.stunet(config(3)).double()
    asked, given = request(network.image.config, [3]), {}
    layers = {name: m for name, m in network.image.named_modules() if isinstance(m, CrossAttention)}
    for name, layer in layers.items():
        layer.register_forward_pre_hook(lambda module, inputs, name=name: given.update({name: inputs[1]}))

    def check():
        assert len(given) == len(layers) == 6
        for name, layer in layers.items():
            torch.testing.assert_close(given[name].keys, layer.read(asked[0]).keys)
        given.clear()

    sigma = torch.tensor([0.5], dtype=torch.float64)
    network(seeded(1, 3, 4, 8, 8), sigma, network.read(*asked))
    check()
    network.image(seeded(1, 3, 8, 8), sigma, network.image.read(*asked))
    check()


def test_a_delta_is_put_on_other_image_weights(tmp_path):
    photographs, drawings = tiny.stunet(config(), seed=0), tiny.image_unet(config(), seed=9)
    save_component(tmp_path / "delta", photographs.config, photographs.temporal, torch.float32)
    save_component(tmp_path / "drawings", drawings.config, drawings, torch.float32)
    x, sigma, asked = seeded(1, 3, 4, 4, 4), torch.tensor([0.6]), request(config(), [3])

    moving = load_stunet(tmp_path / "drawings", tmp_path / "delta")

    def clip(network):
        return network(x.float(), sigma, network.read(*asked))

    expected = STUNet(drawings, photographs.temporal, photographs.config)
    torch.testing.assert_close(clip(moving), clip(expected))
    assert not torch.allclose(clip(moving), clip(photographs), atol=1e-2)


def test_a_delta_holds_no_image_weights():
    network = tiny.stunet(config(3, True, 2))

    image = {p.data_ptr() for p in network.image.parameters()}
    assert not image & {p.data_ptr() for p in network.temporal.parameters()}
    assert len(network.state_dict()) == len(network.image.state_dict()) + len(network.temporal.state_dict())


@pytest.mark.parametrize("changes", [{"widths": (32, 64)}, {"blocks": (2, 2)}, {"text_dim": 13}])
def test_a_delta_for_an_image_network_of_another_shape_is_refused(tmp_path, changes):
    network, other = tiny.stunet(config()), tiny.image_unet(replace(config(), **changes))
    save_component(tmp_path / "delta", network.config, network.temporal)
    save_component(tmp_path / "other", other.config, other)

    with pytest.raises(InvalidCheckpoint, match=r"delta/model\.safetensors"):
        load_stunet(tmp_path / "other", tmp_path / "delta")
