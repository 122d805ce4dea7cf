"""How the drawings of `styles/` were made: other drawings of the same objects, joined by name with `objects.json.gz`.

npm pack @iconify-json/noto@1.2.9 fluentui-emoji@1.3.0 @lobehub/fluent-emoji-3d@1.1.0, each unpacked, and
pip install fonttools==4.68.0, which reads the paths of drawings and is needed for nothing else; then
python -m model.training.collect_styles NOTO FLUENT FLUENT_3D

flat, 3d: Microsoft's Fluent emoji (MIT). high-contrast: its high-contrast drawings, their ink made yellow on a black
silhouette. line: the Noto emoji of the base (Apache-2.0), their shapes white with black outlines.
"""

import argparse
import gzip
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image

from model.training.collect_objects import NAMES
from model.training.objects import Drawing, drawings
from model.training.styles import FOLDER, TILE, TILES_A_ROW

INK, PAPER = "#ffe100", "#000"  # of high contrast
LINE = "#1a1a1a"
WEBP_QUALITY = 60
SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
SHAPES = ("path", "circle", "ellipse", "rect", "polygon", "polyline", "line")
ET.register_namespace("", SVG[1:-1])
ET.register_namespace("xlink", XLINK[1:-1])


def icons_of(noto: Path) -> dict[str, tuple[str, list[str]]]:
    """Of each of our objects: the name of its icon, and its code points as file names say them."""
    codes: dict[str, list[str]] = {}
    for code, icon in json.loads((noto / "chars.json").read_text()).items():
        codes.setdefault(icon, []).append(code)
    return {name: (icon, codes.get(icon, [])) for icon, name in NAMES.items()}


def fluent(folder: Path, icon: str) -> tuple[str, int] | None:
    """The body and the side of one of Fluent's drawings; of a person the one of no particular skin."""
    file = next((f for f in (folder / f"{icon}.svg", folder / f"{icon}-default.svg") if f.exists()), None)
    if file is None:
        return None
    text = file.read_text()
    box = re.search(r'viewBox="0 0 (\d+) (\d+)"', text)
    body = re.sub(r"^\s*<svg[^>]*>|</svg>\s*$", "", text)
    return (f'<g fill="none">{body}</g>', max(map(int, box.groups()))) if box else None


def flat(drawing: Drawing, icon: str, package: Path) -> tuple[str, int] | None:
    """As it is."""
    return fluent(package / "icons" / "flat", icon)


def high_contrast(drawing: Drawing, icon: str, package: Path) -> tuple[str, int] | None:
    """The ink in yellow on the black of all that it encloses, and a little around it."""
    found = fluent(package / "icons" / "high-contrast", icon)
    if found is None:
        return None
    body, side = re.sub(r"<(defs|mask).*?</\1>", "", found[0], flags=re.S), found[1]
    paths = [whole(d) for d in re.findall(r'<path[^>]*? d="([^"]*)"', body)]
    parts = "".join(f"M{part}" for path in paths for part in path.split("M") if part)
    silhouette = "".join(f'<path d="M{part}"/>' for part in parts.split("M") if part)
    ink = "".join(f'<path d="{path}"/>' for path in paths)
    behind = f'<g fill="{PAPER}" stroke="{PAPER}" stroke-width="1.6" stroke-linejoin="round">{silhouette}</g>'
    return f'{behind}<g fill="{INK}">{ink}</g>', side


def whole(path: str) -> str:
    """A path in absolute coordinates, to a tenth of a unit of Fluent's 32: its parts can be told apart."""
    pen = import_module("fontTools.pens.svgPathPen").SVGPathPen(
        None, ntos=lambda v: f"{v:.2f}".rstrip("0").rstrip(".")
    )
    import_module("fontTools.svgLib.path").parse_path(path, pen)
    return str(pen.getCommands())


def line(drawing: Drawing, icon: str, package: Path) -> tuple[str, int]:
    """Every shape of the base's own drawing white with an outline; shades and lights left out, dark parts kept."""
    root = ET.fromstring(drawing.svg)
    glassy = {
        gradient.get("id")
        for gradient in root.iter()
        if any(float(stop.get("stop-opacity", "1")) < 1 for stop in gradient.iter(f"{SVG}stop"))
    }
    for _ in range(3):  # a gradient may take its stops from another, and that one from a third
        glassy |= {g.get("id") for g in root.iter() if g.get(f"{XLINK}href", "")[1:] in glassy}
    for parent in list(root.iter()):
        for shape in list(parent):
            if shape.tag.removeprefix(SVG).endswith("Gradient"):
                parent.remove(shape)
            elif shape.tag.removeprefix(SVG) in (*SHAPES, "g", "use"):
                opacity = float(shape.get("opacity", "1")) * float(shape.get("fill-opacity", "1"))
                if opacity < 0.75 or shape.get("fill", "")[5:-1] in glassy - {None}:
                    parent.remove(shape)
                else:
                    outline(shape)
    body = "".join(ET.tostring(child, "unicode") for child in root)
    body = re.sub(r' xmlns(:xlink)?="[^"]*"', "", body)
    style = f'fill="#fff" stroke="{LINE}" stroke-width="{drawing.width * 0.024:.2f}" stroke-linejoin="round"'
    return f"<g {style}>{body}</g>", drawing.width


def outline(shape: ET.Element) -> None:
    """Take a shape's colours away: paper, or ink where it was almost black; lines stay lines."""
    fill, stroke = shape.get("fill"), shape.get("stroke")
    for name in ("opacity", "fill-opacity", "stroke-opacity", "style"):
        shape.attrib.pop(name, None)
    if fill is not None and fill != "none":
        shape.set("fill", LINE if dark(fill) else "#fff")
    if stroke is not None and stroke != "none":
        shape.set("stroke", LINE)


def dark(colour: str) -> bool:
    """Whether a colour is almost black."""
    digits = colour.lstrip("#")
    if not re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}", digits):
        return False
    digits = digits if len(digits) == 6 else "".join(2 * d for d in digits)
    red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
    return 0.3 * red + 0.6 * green + 0.1 * blue < 75


Draw = Callable[[Drawing, str, Path], tuple[str, int] | None]
DRAWN: dict[str, Draw] = {"flat": flat, "high-contrast": high_contrast, "line": line}


def entries(draw: Draw, icons: dict[str, tuple[str, list[str]]], package: Path) -> Iterator[dict[str, Any]]:
    """What a style has of our objects, in their order, as `Drawing` is stored."""
    for drawing in drawings():
        found = draw(drawing, icons[drawing.name][0], package)
        if found is not None:
            yield {"name": drawing.name, "body": found[0], "width": found[1], "round": drawing.round}


def tiles(icons: dict[str, tuple[str, list[str]]], package: Path) -> tuple[list[str], Image.Image]:
    """The names that the 3D set has, and its pictures of them as tiles of one."""
    found: list[tuple[str, Path]] = []
    for drawing in drawings():
        names = [f"{c}{end}.webp" for c in icons[drawing.name][1] for end in ("", "-fe0f")]
        names += [name.replace("-200d", "-fe0f-200d") for name in names]
        files = [package / "assets" / name for name in names if (package / "assets" / name).exists()]
        found += [(drawing.name, file) for file in files[:1]]
    sheet = Image.new("RGBA", (TILES_A_ROW * TILE, -(-len(found) // TILES_A_ROW) * TILE))
    for i, (_, file) in enumerate(found):
        tile = Image.open(file).convert("RGBA").resize((TILE, TILE), Image.Resampling.LANCZOS)
        sheet.paste(tile, (i % TILES_A_ROW * TILE, i // TILES_A_ROW * TILE))
    return [name for name, _ in found], sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for package in ("noto", "fluent", "fluent_3d"):
        parser.add_argument(package, type=Path)
    args = parser.parse_args()
    icons = icons_of(args.noto)
    FOLDER.mkdir(exist_ok=True)
    for style, draw in DRAWN.items():
        made = list(entries(draw, icons, args.fluent))
        data = gzip.compress(json.dumps(made, separators=(",", ":")).encode(), 9, mtime=0)
        (FOLDER / f"{style}.json.gz").write_bytes(data)
        print(f"{style}: {len(made)} objects, {len(data) / 2**20:.2f} MiB")
    names, sheet = tiles(icons, args.fluent_3d)
    sheet.save(FOLDER / "3d.webp", quality=WEBP_QUALITY, alpha_quality=80, method=6)
    (FOLDER / "3d.json").write_text(json.dumps(names) + "\n")
    print(f"3d: {len(names)} objects, {(FOLDER / '3d.webp').stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
