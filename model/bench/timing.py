"""How long a call takes on a device, and how much memory; and what the device can do at most."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

Figures = dict[str, Any]


def synchronize() -> None:
    """Launched is not done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def timed(call: Callable[[], object], seconds: float = 2.0, most: int = 30) -> Figures:
    """The first call apart, which compiles; then the median and the least of as many as fit in so many seconds."""
    began = time.perf_counter()
    call()
    synchronize()
    first, each = time.perf_counter() - began, list[float]()
    call()
    synchronize()
    began = time.perf_counter()
    while len(each) < most and (len(each) < 3 or time.perf_counter() - began < seconds):
        start = time.perf_counter()
        call()
        synchronize()
        each.append(time.perf_counter() - start)
    return {
        "first_s": first,
        "ms": 1e3 * statistics.median(each),
        "least_ms": 1e3 * min(each),
        "calls": len(each),
    }


def forget_peak() -> None:
    """What was used up to now does not count."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_gib() -> float | None:
    """The most memory that this process has had on the GPU."""
    return torch.cuda.max_memory_reserved() / 2**30 if torch.cuda.is_available() else None


def ceilings(device: str, side: int = 8192, nbytes: int = 1 << 32) -> Figures:
    """A bfloat16 product of random square matrices, and a copy that counts the bytes read and written."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = timed(lambda: a @ b)
    source = torch.empty(nbytes, device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    copied = timed(lambda: target.copy_(source))
    return {
        "flops": 2 * side**3 / (product["ms"] / 1e3),
        "bandwidth": 2 * nbytes / (copied["ms"] / 1e3),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "torch": torch.__version__,
    }
