"""What `make bench-gpu` measures, part by part, in the order of worth: whatever time ends, the first ones are done."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from model.bench.job import paper_job, shipped_job
from model.bench.layouts import temporal_layouts
from model.bench.networks import as_shipped, at_paper_scale
from model.bench.paper import PAPER_BASE, PAPER_SSR
from model.bench.peers import diffusers, lumiere_pytorch
from model.bench.timing import Figures, ceilings
from model.optimise import Speed, fastest


class Section(NamedTuple):
    """One measurement, in a process of its own."""

    measure: Callable[[], Figures]
    seconds: int  # after which it is given up
    work: str = ""  # whose floors it is held against


def sections(device: str, text: Path | None) -> Mapping[str, Section]:
    """By name: what comes before the slash is measured, what comes behind is how."""
    made = {"ceilings": Section(partial(ceilings, device), 30)}
    for name, sizes in (("paper_base", PAPER_BASE), ("paper_ssr", PAPER_SSR)):
        for way in ("eager", "whole+graphs", "blocks"):
            limit = 40 if way == "eager" else 110
            made[f"{name}/{way}"] = Section(partial(at_paper_scale, sizes, way, device), limit, name)
    made["lumiere-pytorch"] = Section(partial(lumiere_pytorch, device), 60)
    made["diffusers"] = Section(partial(diffusers, device), 60)
    for part, frames, side in (("base", 80, 128), ("ssr", 28, 1024)):
        for way in ("eager", "whole+graphs", "blocks"):
            limit = 30 if way == "eager" else 80
            measure = partial(as_shipped, part, frames, side, way, device)
            made[f"shipped_{part}/{way}"] = Section(measure, limit, f"shipped_{part}")
    made["paper_job/eager"] = Section(partial(paper_job, device, text), 60)
    made["shipped_job/eager"] = Section(partial(shipped_job, device, text, Speed()), 60)
    made["shipped_job/optimised"] = Section(partial(shipped_job, device, text, fastest(device)), 120)
    made["temporal_layouts"] = Section(partial(temporal_layouts, device), 30)
    for name, sizes in (("paper_base", PAPER_BASE), ("paper_ssr", PAPER_SSR)):
        measure = partial(at_paper_scale, sizes, "whole+graphs+search", device)
        made[f"{name}/whole+graphs+search"] = Section(measure, 110, name)
    return made
