"""How `objects.json.gz` was made from the Noto emoji of npm's `@iconify-json/noto` 1.2.9 (Apache-2.0).

npm pack @iconify-json/noto@1.2.9 && tar xzf iconify-json-noto-1.2.9.tgz
python -m model.training.collect_objects package/
"""

import argparse
import gzip
import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model.training.objects import DATA, Drawing, rasterise

SELECTION = json.loads(Path(__file__).with_suffix(".json").read_text())
LOOKALIKE = "skin-tone|-thirty$"
ROTATIONS = tuple(range(12, 360, 12))


def english(icon: str) -> str:
    """The name of an icon as a caption says it: `kick-scooter` -> `kick scooter`."""
    if re.match(r"(no)-(bicycles|smoking|littering|pedestrians|mobile-phones)$", icon):
        return icon.replace("-", " ") + " sign"
    return str(SELECTION["rename"].get(icon, icon.replace("-", " ")))


def wanted(metadata: dict[str, Any]) -> list[str]:
    """Icon names in the order of the set's categories, without those that a caption could not tell apart."""
    everyone = {name for names in metadata["categories"].values() for name in names}
    chosen: list[str] = []
    for category, names in metadata["categories"].items():
        keep = set(names)
        if category == "People & Body":
            keep = set(SELECTION["people"]) & everyone
        elif category == "Symbols":
            keep = set(SELECTION["symbols"]) & everyone
        chosen += [
            name
            for name in names
            if name in keep and not re.search(LOOKALIKE, name) and name not in SELECTION["drop"]
        ]
    return sorted(set(chosen), key=chosen.index)


def on_grey(pictures: Tensor) -> Tensor:
    """Premultiplied RGBA bytes (n, 4, s, s) over mid grey, as floats (n, 3, s, s) in [0, 1]."""
    pixels = pictures.float() / 255
    return pixels[:, :3] + (1 - pixels[:, 3:]) * 0.5


def too_near(pictures: Tensor, threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (kept, dropped, RMS difference) of 32x32 pictures on grey that look alike, in order."""
    small = torch.nn.functional.adaptive_avg_pool2d(on_grey(pictures), 32).flatten(1)
    distance = torch.cdist(small, small) / small.shape[1] ** 0.5
    pairs: list[tuple[int, int, float]] = []
    gone: set[int] = set()
    for i, j in (distance < threshold).triu(1).nonzero().tolist():
        if i not in gone and j not in gone:
            gone.add(j)
            pairs.append((i, j, float(distance[i, j])))
    return pairs


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
    parser.add_argument("--near", type=float, default=0.054)
    parser.add_argument("--round", type=float, default=0.1)
    args = parser.parse_args()
    icons = json.loads((args.package / "icons.json").read_text())["icons"]
    names = [
        name for name in wanted(json.loads((args.package / "metadata.json").read_text())) if name in icons
    ]
    drawings = [
        Drawing(english(name), icons[name]["body"], icons[name].get("width", 128), False) for name in names
    ]
    pictures = rasterise(drawings, 128)
    for kept, dropped, distance in too_near(pictures, args.near):
        print(f"near {distance:.3f}: keep {drawings[kept].name}, drop {drawings[dropped].name}")
    gone = {dropped for _, dropped, _ in too_near(pictures, args.near)}
    turning = roundness(pictures)
    kept_drawings = [
        {"name": d.name, "body": d.body, "width": d.width, "round": bool(turning[i] < args.round)}
        for i, d in enumerate(drawings)
        if i not in gone
    ]
    print("round:", [d["name"] for d in kept_drawings if d["round"]])
    DATA.write_bytes(gzip.compress(json.dumps(kept_drawings, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"{len(kept_drawings)} objects, {DATA.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
