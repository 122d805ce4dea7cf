"""Networks made faster from outside: the eager network is the reference, shares its weights with the fast one, and has
no flag of it in its forward.

Only shapes that were prepared are fast, all others are eager: no request waits for a compiler.
"""

import importlib.util
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

from model.inflation import AttentionInflation, ConvInflation
from model.layers import CrossAttention, KeysValues, ResBlock, SpatialAttention
from model.stunet import STUNet, VideoContext

TOKENS = 64  # texts are padded to a multiple of so many: one shape, whatever the words
BLOCKS = (ResBlock, SpatialAttention, CrossAttention, ConvInflation, AttentionInflation)
RECOMPILED = 128  # shapes of one function that are compiled before it is left alone

Evaluate = Callable[[Tensor, Tensor, VideoContext], Tensor]  # what a network is when it is called

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Speed:
    """What is done to a network; nothing, by default."""

    compiled: Literal["no", "blocks", "whole"] = "no"  # blocks of one shape share their code
    graphs: bool = False  # CUDA graphs: one launch for all kernels of a call
    paired: bool = False  # both halves of guidance in one call of twice the batch


def fastest(device: str | torch.device) -> Speed:
    """What pays on a device, by the measurements in docs/performance.md: on CPUs, compiling does not."""
    if torch.device(device).type != "cuda" or importlib.util.find_spec("triton") is None:
        return Speed()
    return Speed(compiled="whole", graphs=True, paired=True)


class Optimised(STUNet):
    """A network whose calls of prepared shapes are fast. A copy of it, as a style makes one, is eager."""

    def __init__(self, network: STUNet, speed: Speed) -> None:
        super().__init__(network.image, network.temporal, network.config)
        self.eval()
        self.speed = speed
        self.learning = False
        self._prepared: dict[Any, Evaluate | None] = {}  # None where the compiler has failed
        self._run: Evaluate = super().forward
        if speed.compiled == "whole":
            self._run = torch.compile(super().forward, fullgraph=True, dynamic=False)
        elif speed.compiled == "blocks":
            for module in self.modules():
                if isinstance(module, BLOCKS):
                    module.compile(dynamic=False)
        torch._dynamo.config.recompile_limit = RECOMPILED

    def forward(self, x: Tensor, sigma: Tensor, context: VideoContext) -> Tensor:
        given = x.contiguous(), sigma.contiguous(), padded(context)
        shapes = shapes_of(given)
        if self.learning and shapes not in self._prepared:
            self._prepared[shapes] = self._made_ready(given)
        run = self._prepared.get(shapes)
        return super().forward(x, sigma, context) if run is None else run(*given)

    def _made_ready(self, given: tuple[Tensor, Tensor, VideoContext]) -> Evaluate | None:
        """Compile and record the call of these shapes: minutes, or seconds where a compile cache remembers it."""
        try:
            if self.speed.graphs and given[0].device.type == "cuda":
                return Recorded(self._run, given)
            self._run(*given)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as failed:  # of the compiler too
            log.warning("%s frames are denoised eagerly: %s", given[0].shape[2], failed)
            return None
        return self._run

    def __deepcopy__(self, memo: dict[int, Any]) -> STUNet:
        return STUNet(deepcopy(self.image, memo), deepcopy(self.temporal, memo), self.config).eval()


@contextmanager
def preparing(*networks: STUNet) -> Iterator[None]:
    """Whatever shapes these networks are called with in this block are fast from then on."""
    learners = [network for network in networks if isinstance(network, Optimised)]
    for network in learners:
        network.learning = True
    try:
        yield
    finally:
        for network in learners:
            network.learning = False


def optimise(network: STUNet, speed: Speed) -> STUNet:
    """The network as fast as that makes it; the same object where that is nothing."""
    return network if speed.compiled == "no" and not speed.graphs else Optimised(network, speed)


class Recorded:
    """Calls of one shape as a CUDA graph. What it returns is the caller's own."""

    def __init__(self, run: Evaluate, given: tuple[Tensor, Tensor, VideoContext]) -> None:
        leaves, self._spec = tree_flatten(given)
        self._given = [leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(
                2
            ):  # compiles, chooses algorithms and takes workspaces, none of which can be recorded
                run(*tree_unflatten(self._given, self._spec))
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._made = run(*tree_unflatten(self._given, self._spec))

    def __call__(self, *given: Any) -> Tensor:
        for own, leaf in zip(self._given, tree_flatten(given)[0], strict=True):
            if isinstance(own, Tensor):
                own.copy_(leaf)
        self._graph.replay()
        return self._made.clone()


def shapes_of(given: Any) -> tuple[Any, ...]:
    """What calls have in common that the same code can serve; all tensors are contiguous."""
    return tuple(
        (leaf.shape, leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in tree_flatten(given)[0]
    )


def padded(context: VideoContext) -> VideoContext:
    """The same with its texts as long as any other: what is added is masked."""
    read = tuple(_padded(text) for text in context.image.text)
    return context._replace(image=context.image._replace(text=read))


def _padded(text: KeysValues) -> KeysValues:
    more = -text.keys.shape[2] % TOKENS
    keys, values = (F.pad(each, (0, 0, 0, more)).contiguous() for each in (text.keys, text.values))
    return KeysValues(keys, values, F.pad(text.mask, (0, more), value=False).contiguous())


def rows_of(context: VideoContext, rows: slice) -> VideoContext:
    """The context of some samples of a batch."""
    part: VideoContext = tree_map_only(Tensor, lambda each: each[rows], context)
    return part
