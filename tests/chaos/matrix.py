"""`make chaos`: every fault at every point, on real processes; a table, and the same as JSON in var/chaos.json."""

import argparse
import json
import queue
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from tqdm import tqdm

from tests.chaos.audit import swept
from tests.chaos.cell import Cell, Run
from tests.chaos.checkpoints import VIDEO, written
from tests.chaos.faults import FAULTS
from tests.chaos.lane import UNFINISHED, lane, wait_for
from tests.chaos.points import Point

LEASE_SECONDS = {False: 5.0, True: 8.0}  # folder, S3: longer than all tries of a request
JSON = Path("var/chaos.json")


def cells(faults, points):
    """The cells by lane: what waits half a minute waits beside what works."""
    lanes = {"workers": [], "folder": [], "stall": [], "s3": [], "s3-down": []}
    for fault in faults:
        lanes[fault.lane] += [(fault, point) for point in points if point not in fault.meaningless]
    return {name: found for name, found in lanes.items() if found}


def reference_of(made):
    """The digest of an undisturbed run."""
    video_id = made.create(VIDEO, "undisturbed")
    wait_for(lambda: made.record(video_id)["status"] not in UNFINISHED, 60, "no undisturbed video")
    return made.digest(video_id)


def run_lane(name, todo, folder, checkpoints, lanes, told):
    """The cells of one lane, one after the other; `told` gets each."""
    s3 = name.startswith("s3")
    lease = LEASE_SECONDS[s3]
    workers = 2 if name in ("workers", "folder") else 1
    environment = {"CIOTAT_LEASE_SECONDS": str(lease), "CIOTAT_TENANT_JOBS": "1000"}
    try:
        with lane(folder / name, checkpoints, workers, s3, **environment) as made:
            lanes.append(made)
            reference = reference_of(made)
            for fault, point in todo:
                told.put(Run(made, fault, point, reference, lease).run())
            problems, removed = swept(made)
            told.put(
                Cell(f"a sweep of the lane {name!r}", "a day later", f"{removed} removed", problems=problems)
            )
    except (TimeoutError, AssertionError, RuntimeError) as failed:
        told.put(Cell(name, "the lane itself", problems=[str(failed)]))
    told.put(None)


def run(todo, folder, within):
    """All lanes at once; the cells as they are done."""
    checkpoints, lanes, told = written(folder / "checkpoints"), [], queue.Queue()
    threads = [
        threading.Thread(target=run_lane, args=(name, found, folder, checkpoints, lanes, told), daemon=True)
        for name, found in todo.items()
    ]
    for thread in threads:
        thread.start()
    running, deadline = len(threads), time.monotonic() + within
    try:
        while running:
            cell = told.get(timeout=deadline - time.monotonic())
            running -= cell is None
            if cell is not None:
                yield cell
    finally:  # an interrupt too
        for each in lanes:
            each.end()


def table(cells, faults):
    """The matrix in Markdown: what came of each cell."""
    found = {(cell.fault, cell.point): cell for cell in cells}
    lines = ["| | " + " | ".join(point.value for point in Point) + " |", "|---" * (len(Point) + 1) + "|"]
    for fault in faults:
        row = [_shown(found.get((fault.name, point.value)), fault.meaningless.get(point)) for point in Point]
        lines.append(f"| {fault.name} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def _shown(cell, meaningless):
    if cell is None:
        return "—" if meaningless else ""
    if cell.problems:
        return "FAILED"
    if cell.status == "failed":
        return "1, fails"
    again = "" if cell.recovery is None else f", again after {cell.recovery:.1f} s at {cell.resumed} %"
    return f"{cell.attempts}{again}"


def main():
    """Everything, or the rows and columns that contain a word."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", default="", help="only rows with this in their name")
    parser.add_argument("--point", default="", help="only columns with this in their name")
    parser.add_argument("--keep", action="store_true", help="leave the folder of the lanes, with their logs")
    options = parser.parse_args()
    faults = [fault for fault in FAULTS if options.fault in fault.name]
    todo = cells(faults, [point for point in Point if options.point in point.value])
    folder = Path(tempfile.mkdtemp(prefix="ciotat-chaos-"))
    began, done = time.monotonic(), []
    try:
        with tqdm(total=sum(len(found) + 1 for found in todo.values()), unit="cell") as bar:
            for cell in run(todo, folder, 3600):
                done.append(cell)
                words = "; ".join(cell.problems) or "ok"
                bar.write(f"{cell.seconds:5.1f} s  {cell.fault}, {cell.point}: {cell.status} {words}")
                bar.update()
    finally:
        print(folder) if options.keep else shutil.rmtree(folder, ignore_errors=True)
    seconds = round(time.monotonic() - began)
    failed = [cell for cell in done if cell.problems]
    JSON.parent.mkdir(exist_ok=True)
    JSON.write_text(json.dumps({"seconds": seconds, "cells": [cell.told() for cell in done]}, indent=1))
    print(table(done, FAULTS))
    print(f"{len(done)} cells in {seconds} s, {len(failed)} failed; {JSON}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
