"""Other people's video networks, one call of each, as their own documentation builds and runs them.

They are no dependencies: `--peers FOLDER` names a folder that they were installed into (docs/performance.md says how).
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from model.bench.timing import Figures, peak_gib, timed

FRAMES, SIDE = 80, 128


@torch.no_grad()
def lumiere_pytorch(device: str, frames: int = FRAMES, side: int = SIDE, width: int = 192) -> Figures:
    """lumiere-pytorch's MPLumiere over denoising-diffusion-pytorch's KarrasUnet, under autocast: with weights in
    bfloat16 it does not run."""
    karras = _alone("denoising_diffusion_pytorch", "karras_unet")
    lumiere = importlib.import_module("lumiere_pytorch")
    around = ["downs.1", "downs.2"]
    network: nn.Module = lumiere.MPLumiere(
        karras.KarrasUnet(image_size=side, dim=width, dim_max=4 * width, channels=3),
        image_size=side,
        unet_time_kwarg="time",
        conv_module_names=["downs.1", "ups.1", "downs.2", "ups.2"],
        attn_module_names=["mids.0"],
        upsample_module_names=["ups.2", "ups.1"],
        downsample_module_names=around,
    )
    network = network.to(device).eval()
    x, time = torch.randn(1, 3, frames, side, side, device=device), torch.ones(1, device=device)

    def call() -> object:
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            return network(x, time=time)

    return _figures(network, call)


@torch.no_grad()
def diffusers(device: str, frames: int = FRAMES, side: int = SIDE, tokens: int = 77) -> Figures:
    """diffusers' UNet3DConditionModel in the sizes that it has of itself, which are ModelScope's, in bfloat16."""
    made = importlib.import_module("diffusers").UNet3DConditionModel()
    network: nn.Module = made.to(device, torch.bfloat16).eval()
    x = torch.randn(1, 4, frames, side, side, device=device, dtype=torch.bfloat16)
    text = torch.randn(1, tokens, 1024, device=device, dtype=torch.bfloat16)
    return _figures(network, lambda: network(x, 500, encoder_hidden_states=text))


def _alone(package: str, module: str) -> ModuleType:
    """One module of a package whose own __init__ asks for a dozen others."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(package)
    sys.modules[package] = importlib.util.module_from_spec(spec)  # found, and not run
    return importlib.import_module(f"{package}.{module}")


def _figures(network: nn.Module, call: Callable[[], object]) -> Figures:
    with FlopCounterMode(display=False) as counter:
        call()
    flop = float(counter.get_total_flops())
    parameters = sum(weight.numel() for weight in network.state_dict().values())
    return timed(call, seconds=6.0, most=5) | {"flop": flop, "parameters": parameters, "gib": peak_gib()}
