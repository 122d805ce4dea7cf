"""What is known is kept to the bit, and a network that can be told of it starts as the one that could not."""

from dataclasses import replace

import torch

from model.conditioning import CHANNELS, Known, keeping
from model.diffusion import variance
from model.layers import TextStates
from model.stunet import STUNet, inflate
from model.words import conditioned
from tests.tiny import BASE, INFLATION, image_unet, stunet


def told(network: STUNet) -> STUNet:
    """The same network, as it is when it begins to learn what is known."""
    wide = inflate(network.image, replace(network.config, conditioned=True))
    wide.temporal.load_state_dict(wide.temporal.state_dict() | network.temporal.state_dict())
    return wide.requires_grad_(False).eval()


def clip(seed: int, channels: int = 3) -> torch.Tensor:
    return torch.randn(2, channels, 4, 32, 32, generator=torch.Generator().manual_seed(seed))


def context(network: STUNet):
    states = torch.randn(2, 5, BASE.text_dim, generator=torch.Generator().manual_seed(3))
    return network.read(TextStates(states, torch.ones(2, 5, dtype=torch.bool)))


def test_the_widened_network_starts_as_the_old_one_whatever_is_known():
    old = stunet(BASE)
    wide, x, sigma = told(old), clip(0), torch.tensor([0.3, 0.9])
    assert wide.temporal.stem is not None

    with torch.no_grad():
        before = old(x, sigma, context(old))
        after = wide(torch.cat([x, clip(1, CHANNELS)], dim=1), sigma, context(wide))

    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert wide.temporal.stem.weight.shape[1] == CHANNELS * BASE.patch**2
    assert wide.image.stem.weight is old.image.stem.weight


def test_where_nothing_is_known_a_trained_network_is_what_it_is_without_the_question():
    wide = told(stunet(BASE))
    assert wide.temporal.stem is not None
    torch.nn.init.normal_(wide.temporal.stem.weight)
    x, sigma = clip(0), torch.tensor([0.3, 0.9])
    nothing = Known(clip(1), torch.zeros(2, 1, 4, 32, 32))
    something = Known(clip(1), torch.ones(2, 1, 4, 32, 32))

    with torch.no_grad():
        alone = wide(x, sigma, context(wide))
        unknown = wide(torch.cat([x, nothing.beside], dim=1), sigma, context(wide))
        known = wide(torch.cat([x, something.beside], dim=1), sigma, context(wide))

    torch.testing.assert_close(unknown, alone, rtol=0, atol=0)
    assert not torch.allclose(known, alone, atol=1e-3)


def test_a_denoiser_shows_its_network_what_is_known_as_it_is_however_noisy_the_clip():
    wide = told(stunet(BASE))
    assert wide.temporal.stem is not None
    torch.nn.init.normal_(wide.temporal.stem.weight)
    known = Known(clip(1), (clip(2)[:, :1] > 0).float())

    with torch.no_grad():
        for sigma in (0.9, 0.3):
            level = torch.full((2,), sigma)
            scaled = clip(0) * variance(level).rsqrt().view(2, 1, 1, 1, 1)
            seen = wide(torch.cat([scaled, known.beside], dim=1), level, context(wide))
            estimate = conditioned(wide, context(wide), known.beside)(clip(0), sigma)
            torch.testing.assert_close(estimate, seen, rtol=0, atol=0)


def test_only_the_new_channels_of_the_stem_learn_and_the_image_network_stays_frozen():
    wide = inflate(image_unet(BASE), replace(INFLATION, conditioned=True))
    learning = {name for name, p in wide.named_parameters() if p.requires_grad}

    assert "temporal.stem.weight" in learning
    assert not any(name.startswith("image.") for name in learning)


def test_what_is_known_is_kept_to_the_bit_and_the_rest_is_made():
    known = Known(clip(5), (clip(6)[:, :1] > 0).float())
    made = clip(7)

    kept = keeping(lambda x, sigma: made, known)(clip(8), 0.5)

    inside = known.mask.expand_as(kept) > 0
    assert torch.equal(kept[inside], known.clip[inside])
    assert torch.equal(kept[~inside], made[~inside])


def test_all_known_is_the_input_and_nothing_known_is_what_is_made():
    source, made = clip(5), clip(7)

    assert torch.equal(Known(source, torch.ones(2, 1, 4, 32, 32)).kept(made), source)
    assert torch.equal(Known(source, torch.zeros(2, 1, 4, 32, 32)).kept(made), made)


def test_what_is_to_be_made_is_hidden_from_the_network():
    mask = (clip(6)[:, :1] > 0).float()
    one, other = clip(5), torch.where(mask > 0, clip(5), clip(9))

    assert torch.equal(Known(one, mask).beside, Known(other, mask).beside)
