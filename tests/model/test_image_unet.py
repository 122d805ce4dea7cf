"""Pixels become features and features pixels as torch's own shuffles do it, in one pass over memory."""

import torch
import torch.nn.functional as F

from model.image_unet import shuffled, unshuffled


def test_patches_are_those_of_pixel_unshuffle_with_channels_last():
    x = torch.randn(2, 6, 16, 24, generator=torch.Generator().manual_seed(0))

    patches = unshuffled(x, 4)

    assert torch.equal(patches, F.pixel_unshuffle(x, 4))
    assert patches.is_contiguous(memory_format=torch.channels_last)


def test_pixels_are_those_of_pixel_shuffle_in_order_whatever_the_layout_of_the_features():
    x = torch.randn(2, 48, 4, 6, generator=torch.Generator().manual_seed(0))

    for features in (x, x.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(shuffled(features, 4), F.pixel_shuffle(x, 4))
        assert shuffled(features, 4).is_contiguous()
