"""The training loop of every recipe: one or several GPUs, a time budget, an average of the weights, resumable."""

import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from model.training.muon import Muon, wants_muon
from model.weights import WEIGHTS, load_weights

STATE = "state.safetensors"
SAVE_SECONDS = 170
LOG_STEPS = 50
COMPILING = 3  # steps
GROWN = ("stem.weight",)  # by temporal layers that are told what is known, since those that were not
REMEMBERED = (("exp_avg", "exp_avg_sq", "step"), ("momentum",))  # by AdamW, by Muon


@dataclass(frozen=True)
class Budget:
    """How long and how fast to learn."""

    minutes: float
    rate: float = 1e-3  # peak learning rate of AdamW
    matrix_rate: float = 0.02  # peak learning rate of Muon
    warmup: float = 0.02  # share of the budget
    decay: float = 0.35  # share of the budget, at its end, over which the rate falls to zero
    average: float = 0.998  # decay of the exponential moving average of the weights
    most_steps: int = 10**9  # for tests


@dataclass(frozen=True)
class Place:
    """Where this process trains."""

    rank: int
    size: int
    device: torch.device

    @classmethod
    def join(cls, device: str) -> "Place":
        """The process group that torchrun describes in the environment, or this process alone."""
        size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
        if size > 1:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            dist.init_process_group("nccl")
            return cls(rank, size, torch.device("cuda", int(os.environ["LOCAL_RANK"])))
        return cls(0, 1, torch.device(device))

    def barrier(self) -> None:
        """Wait for all processes: the first one has files to write."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        """End the process group, if there is one."""
        if self.size > 1:
            dist.destroy_process_group()


def share_at(progress: float, budget: Budget) -> float:
    """Share of the peak learning rates when `progress` of the budget is spent: linear up, flat, cosine down."""
    if progress < budget.warmup:
        return max(progress / budget.warmup, 0.01)
    if progress > 1 - budget.decay:
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - 1 + budget.decay) / budget.decay)))
    return 1.0


def average_gradients(parameters: list[nn.Parameter], size: int) -> None:
    """Mean of the gradients over all processes, in one message."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= size
    for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


class Trainer:
    """Minimises `loss(batch)` over the parameters of `network` that want gradients; `averaged` holds their average."""

    def __init__(self, network: nn.Module, budget: Budget, place: Place, out: Path) -> None:
        self.network, self.budget, self.place, self.out = network, budget, place, out
        named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
        self.names, self.parameters = [name for name, _ in named], [p for _, p in named]
        matrices = [p for name, p in named if wants_muon(name, p)]
        others = [p for name, p in named if not wants_muon(name, p)]
        on_gpu = place.device.type == "cuda"
        self.optimizers: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.01, fused=on_gpu), budget.rate),
            (Muon(matrices), budget.matrix_rate),
        ]
        self.averaged = [p.detach().clone() for p in self.parameters]
        self.steps = 0
        out.mkdir(parents=True, exist_ok=True)

    def run(self, batches: Iterable[object], loss: Callable[..., Tensor], save: Callable[[], None]) -> None:
        """Train until the time is spent; the first process calls `save` every third minute."""
        log = (self.out / "log.jsonl").open("a") if self.place.rank == 0 else None
        start, next_save, shown = time.monotonic(), SAVE_SECONDS, torch.zeros((), device=self.place.device)
        bar = tqdm(total=100, disable=self.place.rank != 0, mininterval=5, unit="%", desc=self.out.name)
        progress = 0.0
        for batch in batches:
            value = self.step(batch, loss, share_at(progress, self.budget))
            if self.steps <= COMPILING:  # these compile, one for each shape; their minutes are not charged
                start = time.monotonic()
            shown = torch.lerp(shown, value, 0.02 if self.steps > 1 else 1.0)
            if self.steps % 10 == 0:
                progress = self.agreed((time.monotonic() - start) / (60 * self.budget.minutes))
            if log and self.steps % LOG_STEPS == 0:
                seconds = time.monotonic() - start
                line = {"step": self.steps, "seconds": round(seconds, 1), "loss": round(float(shown), 5)}
                log.write(json.dumps(line) + "\n")
                log.flush()
                bar.set_postfix(loss=f"{float(shown):.4f}", step=self.steps)
                bar.update(min(100.0, 100 * progress) - bar.n)
                if seconds > next_save:
                    next_save += SAVE_SECONDS
                    save()
            if progress >= 1 or self.steps >= self.budget.most_steps:
                break
        bar.close()
        if log:
            log.close()

    def step(self, batch: object, loss: Callable[..., Tensor], share: float) -> Tensor:
        """One update at this share of the peak rates; returns the loss, not yet read from the device."""
        value = loss(batch)
        value.backward()  # type: ignore[no-untyped-call]
        if self.place.size > 1:
            average_gradients(self.parameters, self.place.size)
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer, peak in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = share * peak
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        keep = min(self.budget.average, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.averaged, [p.detach() for p in self.parameters], 1 - keep)
        return value.detach()

    def agreed(self, progress: float) -> float:
        """The first process's clock, so that all stop at the same step."""
        if self.place.size == 1:
            return progress
        shared = torch.tensor(progress, device=self.place.device)
        dist.broadcast(shared, 0)
        return float(shared)

    @contextmanager
    def averages(self) -> Iterator[None]:
        """The network with its averaged weights, for as long as the block lasts."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self) -> None:
        for parameter, average in zip(self.parameters, self.averaged, strict=True):
            kept = parameter.detach().clone()
            parameter.data.copy_(average)
            average.copy_(kept)

    def save_state(self) -> None:
        """Everything a later run needs to go on: weights, their average, what the optimizers remember."""
        tensors: dict[str, Tensor] = {}
        for name, parameter, average in zip(self.names, self.parameters, self.averaged, strict=True):
            tensors |= {f"weight.{name}": parameter.detach(), f"average.{name}": average}
            for optimizer, _ in self.optimizers:
                memory = optimizer.state.get(parameter, {})
                tensors |= {f"{key}.{name}": value for key, value in memory.items()}
        partial = self.out / f"{STATE}.partial"
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial)
        partial.rename(self.out / STATE)

    def resume(self, folder: Path) -> None:
        """Go on from a full state if the folder has one, else from averaged weights alone."""
        if (folder / STATE).exists():
            self.load_state(folder / STATE)
            return
        load_weights(self.network, folder / WEIGHTS, GROWN)
        for parameter, average in zip(self.parameters, self.averaged, strict=True):
            average.copy_(parameter.detach())

    def load_state(self, file: Path) -> None:
        """Go on where `save_state` stopped."""
        tensors = load_file(file, device=str(self.place.device))
        for name, parameter, average in zip(self.names, self.parameters, self.averaged, strict=True):
            if name in GROWN and f"weight.{name}" not in tensors:
                continue
            parameter.data.copy_(tensors[f"weight.{name}"])
            average.copy_(tensors[f"average.{name}"])
            for (optimizer, _), keys in zip(self.optimizers, REMEMBERED, strict=True):
                if f"{keys[0]}.{name}" in tensors:
                    optimizer.state[parameter] = {key: tensors[f"{key}.{name}"] for key in keys}
