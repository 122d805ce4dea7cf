"""SVG texts on stdin (JSON: size, svgs) to premultiplied RGBA bytes on stdout: a process without torch.

resvg holds the interpreter's lock while it draws, so threads would not help; forking a process that has
started CUDA is unsafe, and a spawned one would import torch again.
"""

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def rasterise_one(svg: str, size: int) -> bytes:
    """One drawing as 4 planes of size x size bytes: red, green, blue (premultiplied) and alpha."""
    import resvg_py
    from PIL import Image

    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    straight = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(np.uint16)
    alpha = straight[..., 3:]
    colour = (straight[..., :3] * alpha + 127) // 255
    return np.concatenate([colour, alpha], -1).astype(np.uint8).transpose(2, 0, 1).tobytes()


def rasterise_apart(svgs: Sequence[str], size: int, workers: int) -> list[bytes]:
    """The same for many drawings, dealt out to `workers` processes; in the order given."""

    def share(index: int) -> bytes:
        request = json.dumps({"size": size, "svgs": list(svgs[index::workers])}).encode()
        command = [sys.executable, __file__]
        return subprocess.run(command, input=request, stdout=subprocess.PIPE, check=True).stdout

    with ThreadPoolExecutor(workers) as pool:
        shares = list(pool.map(share, range(workers)))
    one = 4 * size * size
    return [shares[i % workers][i // workers * one : (i // workers + 1) * one] for i in range(len(svgs))]


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    for drawing in asked["svgs"]:
        sys.stdout.buffer.write(rasterise_one(drawing, asked["size"]))
