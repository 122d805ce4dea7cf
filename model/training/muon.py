"""Muon: momentum, made orthogonal (Jordan et al. 2024). torch's own takes 2D parameters only; convolutions are 4D."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


def orthogonal(
    matrices: Float[Tensor, "n rows columns"], iterations: int = 5
) -> Float[Tensor, "n rows columns"]:
    """Each matrix with all its singular values near 1, by Newton and Schulz's iteration (quintic, Jordan's numbers)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x.to(torch.bfloat16) if x.is_cuda else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    turned: Tensor = (x.mT if tall else x).to(matrices.dtype)
    return turned


class Muon(torch.optim.Optimizer):
    """For weights of two or more dimensions, seen as (out, everything else). Matrices of one shape go together."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(
            [{"params": list(parameters)}], {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """One update from the gradients."""
        for group in self.param_groups:
            together: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    together[tuple(parameter.shape)].append(parameter)
            for parameters in together.values():
                self._update(parameters, group["lr"], group["momentum"], group["weight_decay"])

    def _update(self, parameters: list[nn.Parameter], lr: float, momentum: float, decay: float) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        averages = [self._momentum(parameter) for parameter in parameters]
        torch._foreach_lerp_(averages, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, averages, momentum)  # Nesterov
        turned = orthogonal(torch.stack([g.flatten(1) for g in ahead]))
        scale = max(1.0, turned.shape[1] / turned.shape[2]) ** 0.5
        weights: list[Tensor] = list(parameters)
        torch._foreach_mul_(weights, 1 - lr * decay)
        changes = [change.view_as(p) for change, p in zip(turned, parameters, strict=True)]
        torch._foreach_add_(weights, changes, alpha=-lr * scale)

    def _momentum(self, parameter: nn.Parameter) -> Tensor:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        average: Tensor = state["momentum"]
        return average


def wants_muon(name: str, parameter: nn.Parameter) -> bool:
    """Matrices inside the network; its two ends, its norms and all that conditions them are AdamW's, and so are the
    thin factors of a style."""
    outside = ("stem", "head", "conditioner", "up.", "down.")
    return parameter.ndim >= 2 and not name.startswith(outside) and ".film." not in name
