"""The gallery: what a checkpoint makes of fixed questions, failures among them, as files and two pages.

python -m worker.gallery --checkpoint model/checkpoints/ciotat-1 --out docs/gallery
"""

import argparse
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from tqdm import tqdm

from model.catalog import defaults
from model.evaluation.evaluate import JUDGES, digest
from model.evaluation.judges import Judges
from model.evaluation.parts import PARTS, lacking
from model.evaluation.studio import Settings, Shot, Studio
from model.given import Given
from model.pipeline import Pipeline
from model.spec import FPS, VideoSpec
from worker.gallery_page import PAGE, Exhibit, write_pages
from worker.mp4 import encode

SEED = 2  # of its questions: another list than that of the figures
MOST = 10 * 2**20  # bytes, all files together
SHARE = 0.75  # of it for videos, in equal parts; the rest is for what was given
QUALITIES = (60, 45, 30, 20, 10)  # of WebP: the first that fits
Frames = npt.NDArray[np.uint8]


def exhibits(studio: Studio, names: Sequence[str], each: int, out: Path) -> Iterator[Exhibit]:
    """The first questions of every part, whatever comes of them."""
    most = int(SHARE * MOST / (each * len(names)))
    for name in names:
        for shot in tqdm(PARTS[name].ask(studio, range(each)), total=each, unit="video", desc=name):
            yield kept(name, shot, out, most)


def kept(name: str, shot: Shot, out: Path, most: int) -> Exhibit:
    """One video, of so many bytes where it can be, and what it was made from, as files."""
    assert shot.frames is not None
    assert shot.spec is not None
    stem = f"{name}-{shot.answer.index + 1}"
    film(shot.frames, out / f"{stem}.webp", most)
    inputs = dict(written(shot.given, stem, out))
    return Exhibit(name, f"{stem}.webp", inputs, command(shot.spec, inputs), shot.answer)


def film(frames: Frames, file: Path, most: int) -> None:
    """A WebP that plays for ever, as good as so many bytes allow."""
    first, *others = (Image.fromarray(frame) for frame in frames)
    for quality in QUALITIES:
        first.save(file, save_all=True, append_images=others, duration=1000 // FPS, loop=0, quality=quality)
        if file.stat().st_size <= most:
            return


def written(given: Given, stem: str, out: Path) -> Iterator[tuple[str, str]]:
    """Pictures as PNG, clips as MP4, each with the option of `ciotat generate` that takes it."""
    mask = None if given.mask is None else np.repeat(given.mask[..., None], 3, -1).astype(np.uint8) * 255
    last = None if given.last is None else given.last[None]
    begun = "image" if given.clip is not None and len(given.clip) == 1 else "video"
    for option, frames in ((begun, given.clip), ("mask", mask), ("last-frame", last)):
        if frames is None:
            continue
        still = len(frames) == 1 or (option == "mask" and bool((frames == frames[:1]).all()))
        name = f"{stem}-{option}.{'png' if still else 'mp4'}"
        if still:
            Image.fromarray(frames[0]).save(out / name)
        else:
            encode(frames, FPS, out / name)
        yield option, name


def command(spec: VideoSpec, inputs: dict[str, str]) -> str:
    """What a reader types to make the video."""
    words = ["ciotat", "generate", spec.prompt]
    fields = spec.model_dump(mode="json", exclude_defaults=True, exclude={"prompt"})
    for name, value in fields.items():
        option = f"--{name.replace('_', '-')}"
        words += [option] if value is True else [option, str(value)]
    for option, file in inputs.items():
        words += [f"--{option}", file]
    return shlex.join([*words, "-o", "video.mp4"])


def make(args: argparse.Namespace) -> None:
    """A new gallery, which takes the place of an earlier one when it is whole."""
    if args.out.exists() and any(args.out.iterdir()) and not (args.out / PAGE).is_file():
        raise ValueError(f"{args.out} has files and is no gallery: nothing of it is touched")
    absent = lacking(args.checkpoint)
    names = [name for name in args.parts if name not in absent and PARTS[name].task is not None]
    if not names:
        raise ValueError(f"{args.checkpoint} does nothing of {', '.join(args.parts)}")
    best = defaults(args.checkpoint)
    settings = Settings(SEED, args.size, args.steps or best.steps, best.guidance_scale)
    pipeline = Pipeline.load(args.checkpoint, args.device, encoder=args.text)
    studio = Studio(pipeline, Judges.load(JUDGES, args.device), settings, args.device)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=args.out.parent) as folder:
        new = Path(folder)
        shown = list(exhibits(studio, names, args.each, new))
        made_by = (
            f"weights {digest(args.checkpoint)}, {settings.steps} steps at guidance {settings.guidance:g}, "
            f"{args.size} pixels, on {args.device.partition(':')[0]}"
        )
        write_pages(new, shown, {name: absent[name] for name in args.parts if name in absent}, made_by)
        size = sum(file.stat().st_size for file in new.iterdir())
        if size > MOST:
            raise ValueError(
                f"the gallery has {size / 2**20:.1f} MiB, more than {MOST / 2**20:.0f}: --each, --size"
            )
        if args.out.exists():
            rmtree(args.out)
        copytree(new, args.out)
    print(f"{len(shown)} videos, {size / 2**20:.1f} MiB: {args.out / PAGE}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make the gallery of a checkpoint.")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--out", type=Path, required=True, help="a folder of the gallery's own, which is made anew"
    )
    names = [name for name, part in PARTS.items() if part.task is not None]
    parser.add_argument("--parts", type=lambda text: text.split(","), default=names)
    parser.add_argument("--each", type=int, default=2, help="videos of every part")
    parser.add_argument("--size", type=int, default=256, choices=(128, 256, 512))
    parser.add_argument("--steps", type=int, help="(default: the checkpoint's own)")
    parser.add_argument("--text", type=Path, help="folder of the text encoder (default: the installed one)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    make(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
