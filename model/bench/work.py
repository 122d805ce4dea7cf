"""What a call costs at least: its operations and its bytes, counted on tensors that have no memory."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from model.layers import TextStates
from model.stunet import STUNet, VideoContext

TOKENS = 64


class Work(NamedTuple):
    """One call of a network."""

    parameters: int
    flop: float
    nbytes: float  # each operation that counts reads what it takes and writes what it makes, once; all else is fused

    def floor(self, flops: float, bandwidth: float) -> float:
        """The least seconds by the one or the other, whichever is more."""
        return max(self.flop / flops, self.nbytes / bandwidth)


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of the tensors that convolutions, matrix products and attention read and write."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.nbytes = 0.0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            tensors = [leaf for leaf in tree_flatten((args, made))[0] if isinstance(leaf, Tensor)]
            self.nbytes += sum(math.prod(each.shape) * each.element_size() for each in tensors)
        return made


class Call(NamedTuple):
    """What a network is called with."""

    x: Tensor
    sigma: Tensor
    context: VideoContext


@torch.no_grad()
def call_of(network: STUNet, shape: tuple[int, ...], seed: int = 1) -> Call:
    """A call with random pixels and words, where the network's weights are."""
    weight, config = network.image.stem.weight, network.image.config
    generator = None if weight.is_meta else torch.Generator(weight.device).manual_seed(seed)
    b = shape[0]

    def random(*sizes: int) -> Tensor:
        return torch.randn(sizes, device=weight.device, generator=generator)

    words = (
        TextStates(random(b, TOKENS, config.text_dim), random(b, TOKENS) < math.inf)
        if config.text_dim
        else None
    )
    scalars = random(b, config.scalars) if config.scalars else None
    return Call(
        random(*shape).to(weight.dtype), random(b).abs().clamp(0.1, 0.9), network.read(words, scalars)
    )


@torch.no_grad()
def work_of(network: STUNet, shape: tuple[int, ...]) -> Work:
    """Of one call of these shapes; of a network on the meta device no memory is taken."""
    call = call_of(network, shape)
    with FlopCounterMode(display=False) as counter, Traffic() as traffic:
        network(*call)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Work(parameters, float(counter.get_total_flops()), traffic.nbytes)
