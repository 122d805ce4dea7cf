"""How `objects.json.gz` was made from the Noto emoji of npm's `@iconify-json/noto` 1.2.9 (Apache-2.0).

npm pack @iconify-json/noto@1.2.9 && tar xzf iconify-json-noto-1.2.9.tgz
python -m model.training.collect_objects package/

`collect_objects.json` chooses: the name of an icon, and that of the object as a caption says it, in the order that
numbers the objects.
"""

import argparse
import gzip
import json
from pathlib import Path

import torch
from torch import Tensor

from model.training.objects import DATA, Drawing, rasterise

NAMES: dict[str, str] = json.loads(Path(__file__).with_suffix(".json").read_text())
ROTATIONS = tuple(range(12, 360, 12))


def roundness(pictures: Tensor) -> Tensor:
    """Largest RMS difference between each drawing and its own rotations about the frame's centre: (n,)."""
    image = torch.nn.functional.adaptive_avg_pool2d(pictures.float() / 255, 64)
    worst = torch.zeros(len(image))
    for degrees in ROTATIONS:
        angle = torch.tensor(degrees * torch.pi / 180)
        matrix = torch.stack(
            [angle.cos(), -angle.sin(), angle * 0, angle.sin(), angle.cos(), angle * 0]
        ).view(1, 2, 3)
        grid = torch.nn.functional.affine_grid(
            matrix.expand(len(image), 2, 3), list(image.shape), align_corners=False
        )
        turned = torch.nn.functional.grid_sample(image, grid, align_corners=False)
        worst = torch.maximum(worst, (turned - image).square().mean((1, 2, 3)).sqrt())
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--round", type=float, default=0.1)
    args = parser.parse_args()
    icons = json.loads((args.package / "icons.json").read_text())["icons"]
    drawings = [
        Drawing(name, icons[icon]["body"], icons[icon].get("width", 128), False)
        for icon, name in NAMES.items()
    ]
    turning = roundness(rasterise(drawings, 128))
    entries = [
        {"name": d.name, "body": d.body, "width": d.width, "round": bool(worst < args.round)}
        for d, worst in zip(drawings, turning, strict=True)
    ]
    print("round:", [entry["name"] for entry in entries if entry["round"]])
    DATA.write_bytes(gzip.compress(json.dumps(entries, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"{len(entries)} objects, {DATA.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
