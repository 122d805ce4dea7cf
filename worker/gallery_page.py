"""The gallery's two pages: HTML that opens from a disk, and Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

from model.evaluation.report import failures
from model.evaluation.studio import Answer
from model.training.styles import STYLES

TITLES = {
    "text_to_video": "Text to video",
    "synonyms": "Text to video, in words that were never trained on",
    "loop": "Loops: the last frame flows into the first",
    "image_to_video": "Image to video: the first frame is given",
    "inpaint": "Inpainting: what is white in the mask is made",
    "cinemagraph": "Cinemagraphs: outside the mask nothing moves",
    "extend": "Extension: the first two seconds are given",
    "interpolate": "Interpolation: the first and the last frame are given",
    "video_to_video": "Video to video: a clip made into another",
    "two_objects": "Two objects and what one is to the other",
    "colours": "Objects in colours that they never had in training",
    "nature": "Natural scenes",
    "photographs": "Photographs that were never trained on, under a moving camera",
    "photographs_cinemagraph": "Cinemagraphs of photographs",
    "photographs_inpaint": "Objects put into photographs",
    **{f"style_{style}": f"Style: {style}" for style in STYLES},
}
PAGE = "index.html"
INTRODUCTION = (
    "The first questions of a fixed list, with fixed seeds: pairs of object and motion, and photographs, that were "
    "never trained on. Nothing is chosen: what the judges or the measures of docs/evaluation.md find wrong is said "
    "under the video. Clips that were given are kept as MP4, not quite what they were: a video made from them differs "
    "a little."
)
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1180px; padding: 0 1rem; color: #1c1c1c }
h2 { margin: 2.2rem 0 .6rem }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(256px, 1fr)); gap: 1.2rem }
figure { margin: 0 } img, video { border-radius: 4px; background: #ddd; max-width: 100% } .made { width: 256px }
.inputs { display: flex; gap: .4rem; margin: .3rem 0 } .inputs img, .inputs video { width: 80px }
.inputs small { display: block; color: #666 } .right { color: #14641e } .wrong { color: #a01414 }
pre { white-space: pre-wrap; background: #f3f3f3; padding: .5rem; border-radius: 4px; font-size: 12px }
"""


@dataclass(frozen=True)
class Exhibit:
    """One video on the pages: its file, what it was made from, what the judges and measures say of it."""

    part: str
    file: str
    inputs: dict[str, str]  # file by the option that gives it
    command: str
    answer: Answer

    @property
    def faults(self) -> list[str]:
        """What falls short of what the part asks of every clip, and what was seen instead."""
        wrong, measured = self.answer.wrong, self.answer.measured
        seen = [f"{what} seen as {name}" for what, name in wrong.items()]
        return seen + [
            f"{name} {value:.2f}" if isinstance(value := measured[name], float) else name.replace("_", " ")
            for name in failures(self.answer)
            if name not in wrong
        ]


def write_pages(out: Path, shown: Sequence[Exhibit], absent: Mapping[str, str], made_by: str) -> None:
    """index.html and README.md beside the videos."""
    parts = {name: list(group) for name, group in groupby(shown, key=lambda one: one.part)}
    (out / PAGE).write_text(html(parts, absent, made_by))
    (out / "README.md").write_text(markdown(parts, absent, made_by))


def verdict(one: Exhibit) -> str:
    return f"Failure: {', '.join(one.faults)}" if one.faults else "As asked"


def html(parts: Mapping[str, Sequence[Exhibit]], absent: Mapping[str, str], made_by: str) -> str:
    """One page without scripts or foreign files."""
    sections = "".join(
        f"<h2>{escape(TITLES.get(name, name))}</h2><div class=row>{''.join(map(figure, of))}</div>"
        for name, of in parts.items()
    )
    missing = "".join(f"<li>{escape(TITLES.get(n, n))}: {escape(why)}</li>" for n, why in absent.items())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>ciotat: gallery</title><style>{STYLE}</style>"
        f"<h1>Gallery</h1><p>{escape(INTRODUCTION)}</p>"
        f"<p>Made by <code>make gallery</code>: {escape(made_by)}.</p>{sections}"
        + (f"<h2>Not available</h2><ul>{missing}</ul>" if missing else "")
        + "</html>\n"
    )


def figure(one: Exhibit) -> str:
    inputs = "".join(
        f"<div>{medium(file)}<small>{escape(option)}</small></div>" for option, file in one.inputs.items()
    )
    colour = "wrong" if one.faults else "right"
    return (
        f'<figure><img class=made src="{one.file}" alt="{escape(one.answer.prompt)}">'
        + (f"<div class=inputs>{inputs}</div>" if inputs else "")
        + f"<figcaption><b>{escape(one.answer.prompt)}</b><br>seed {one.answer.seed}<br>"
        f"<span class={colour}>{escape(verdict(one))}</span><pre>{escape(one.command)}</pre></figcaption></figure>"
    )


def medium(file: str) -> str:
    if file.endswith(".mp4"):
        return f'<video src="{file}" autoplay loop muted playsinline></video>'
    return f'<img src="{file}" alt="">'


def markdown(parts: Mapping[str, Sequence[Exhibit]], absent: Mapping[str, str], made_by: str) -> str:
    """A section a part, a video and its command after the other."""
    lines = [
        "# Gallery",
        "",
        INTRODUCTION.replace("docs/evaluation.md", "[docs/evaluation.md](../evaluation.md)"),
        "",
        f"Made by `make gallery`: {made_by}.",
        "",
    ]
    for name, of in parts.items():
        lines += [f"## {TITLES.get(name, name)}", ""]
        for one in of:
            inputs = " ".join(f"[{option}]({file})" for option, file in one.inputs.items())
            lines += [f"![{one.answer.prompt}]({one.file})", ""]
            lines += [
                f"**{one.answer.prompt}**, seed {one.answer.seed}. {verdict(one)}. {inputs}".rstrip(),
                "",
            ]
            lines += ["```sh", one.command, "```", ""]
    if absent:
        lines += ["## Not available", "", *(f"- {TITLES.get(n, n)}: {why}" for n, why in absent.items()), ""]
    return "\n".join(lines)
