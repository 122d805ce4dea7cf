"""make bench-gpu: every figure of docs/performance.md that needs a GPU, as a table and as JSON.

Each section runs in a process of its own, forked before the GPU is touched, for a bounded time: one that fails or hangs
costs its own figures alone. What is measured is written at once.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from model.bench.networks import floors
from model.bench.sections import Section, sections
from model.bench.timing import Figures

THREADS = torch.get_num_threads()  # of each section
COLUMNS = (  # of the table: what it is called, its name in the figures, its unit, digits, and room
    ("ms", "ms", 1, 2, 10),
    ("TFLOP", "flop", 1e12, 2, 8),
    ("TFLOP/s", "flops", 1e12, 1, 9),
    ("% of peak", "of_peak", 0.01, 1, 10),
    ("x floor", "over_floor", 1, 1, 8),
    ("GiB", "gib", 1, 1, 7),
    ("first s", "first_s", 1, 1, 8),
    ("differs", "difference", 1, 4, 9),
)
HEAD = f"{'section':34}" + "".join(f"{title:>{room}}" for title, _, _, _, room in COLUMNS)


def apart(section: Section, limit: float) -> Figures:
    """What a section measures in a process of its own, or why it has none: `error`."""
    fork = multiprocessing.get_context("fork")
    told, tells = fork.Pipe(duplex=False)
    process = fork.Process(target=_tell, args=(section.measure, tells))
    began = time.perf_counter()
    process.start()
    tells.close()
    figures: Figures = {"error": f"no answer within {limit:.0f} s"}
    with suppress(EOFError):
        if told.poll(limit):
            figures = {"error": "it failed: its traceback is above"}
            figures = told.recv()
            process.join(5)
    if process.is_alive():
        process.kill()
        process.join()
    return figures | {"took_s": time.perf_counter() - began}


def _tell(measure: Callable[[], Figures], tells: Connection) -> None:
    torch.set_num_threads(THREADS)
    tells.send(measure())


def row(name: str, figures: Figures) -> str:
    """One line of the table."""
    if "error" in figures:
        return f"{name:34}  {figures['error']}"
    if "bandwidth" in figures:
        flops, bandwidth = figures["flops"] / 1e12, figures["bandwidth"] / 1e12
        return f"{name:34}  {flops:.1f} TFLOP/s, {bandwidth:.2f} TB/s, {figures['device']}, torch {figures['torch']}"
    cells = (
        f"{figures[key] / unit:{room}.{digits}f}" if figures.get(key) is not None else " " * room
        for _, key, unit, digits, room in COLUMNS
    )
    return f"{name:34}" + "".join(cells)


def held_against(figures: Figures, work: Figures, peak: Figures) -> Figures:
    """The same with its rate, its share of the measured peak, and how many times its floor it takes."""
    figures = work | figures
    if "flop" not in figures or "ms" not in figures:
        return figures
    seconds = figures["ms"] / 1e3
    figures["flops"] = figures["flop"] / seconds
    if "flops" in peak:
        figures["of_peak"] = figures["flops"] / peak["flops"]
        floor = max(figures["flop"] / peak["flops"], figures.get("nbytes", 0) / peak["bandwidth"])
        figures["over_floor"] = seconds / floor
    return figures


def run(
    chosen: dict[str, Section], work: dict[str, Figures], seconds: float, out: Path
) -> dict[str, Figures]:
    """All of them, one after the other, within so many seconds in all."""
    measured: dict[str, Figures] = {}
    deadline = time.monotonic() + seconds
    print(HEAD, flush=True)
    for name, section in chosen.items():
        left = deadline - time.monotonic()
        if left < 5:
            measured[name] = {"error": "no time was left"}
        else:
            peak = measured.get("ceilings", {})
            figures = apart(section, min(section.seconds, left))
            measured[name] = held_against(figures, work.get(section.work, {}), peak)
        print(row(name, measured[name]), flush=True)
        out.write_text(json.dumps({"floors": work, "sections": measured}, indent=2) + "\n")
    return measured


def matching(made: dict[str, Section], words: Sequence[str]) -> dict[str, Section]:
    """Those whose names begin with one of the words; the ceilings always, which others are held against."""
    return {
        name: section
        for name, section in made.items()
        if name == "ceilings" or any(name.startswith(word) for word in words)
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--sections", default="", help="names or their beginnings, with commas between; unset: all"
    )
    parser.add_argument("--seconds", type=float, default=560.0, help="that all of it may take")
    parser.add_argument("--out", type=Path, default=Path("var/bench-gpu.json"))
    parser.add_argument(
        "--text", type=Path, help="folder of the text encoder; unset: that of the installed package"
    )
    parser.add_argument(
        "--peers", type=Path, help="folder into which lumiere-pytorch and diffusers were installed"
    )
    args = parser.parse_args(arguments)
    if args.peers:
        sys.path.append(str(args.peers))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # a process that is forked from one with threads hangs when it wants its own
    made = dict(sections(args.device, args.text))
    run(matching(made, args.sections.split(",")), floors(), args.seconds, args.out)


if __name__ == "__main__":
    main()
