"""The report of an evaluation: shards of answers on disk, put together into figures, told line by line."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from model.evaluation.figures import Bar, Figure, figure
from model.evaluation.parts import PARTS
from model.evaluation.sheet import draw_sheet, stack_sheets
from model.evaluation.studio import Answer, Shot

SHOWN = 12  # right answers, and as many wrong ones, on a sheet
RIGHT, WRONG = "#14641e", "#a01414"
REPORT = "results.json"


def write_shard(
    out: Path, part: str, shard: tuple[int, int], how: dict[str, Any], shots: Sequence[Shot]
) -> None:
    """One part's answers and sheet; the last shard to be written is merged with the others."""
    out.mkdir(parents=True, exist_ok=True)
    name = f"{part}.{shard[0]}of{shard[1]}"
    sheet(shots).save(out / f"{name}.png")
    answers = [shot.answer.record for shot in shots]
    (out / f"{name}.json").write_text(json.dumps({"how": how, "answers": answers}, indent=1) + "\n")


def sheet(shots: Sequence[Shot]) -> Image.Image:
    """The first right answers in green, then the first wrong ones in red, with what was seen."""
    right = [shot for shot in shots if not failures(shot.answer)][:SHOWN]
    wrong = [shot for shot in shots if failures(shot.answer)][:SHOWN]
    shown = right + wrong
    return draw_sheet(
        [shot.row for shot in shown],
        [told(shot.answer) for shot in shown],
        columns=max(len(shot.row) for shot in shown),
        colours=[RIGHT] * len(right) + [WRONG] * len(wrong),
    )


def failures(answer: Answer) -> list[str]:
    """The measures on which this one clip is not what its part's bars ask of all."""
    held = [bar for bar in PARTS[answer.part].bars if bar.limit is not None]
    return [bar.measure for bar in held if not alone(bar, answer.measured[bar.measure])]


def alone(bar: Bar, value: float | bool | None) -> bool:
    """Whether one clip is as all should be: a share's clip is right, a mean's is within the limit itself."""
    if value is None:
        return True
    return value is not bar.most if isinstance(value, bool) else bar.met(value)


def told(answer: Answer) -> str:
    """A clip's line on the sheet: its prompt, and whatever was seen or measured that should not be."""
    wrong = answer.wrong
    notes = [f"seen as {', '.join(f'{what}: {seen}' for what, seen in wrong.items())}"] if wrong else []
    notes += [
        f"{name} {value:.2f}" if isinstance(value := answer.measured[name], float) else name
        for name in failures(answer)
        if name not in wrong
    ]
    return answer.prompt + (f"   [{'; '.join(notes)}]" if notes else "")


def shards(out: Path) -> dict[str, list[dict[str, Any]]]:
    """The shards of every part in a folder; raises where one is missing or they do not belong together."""
    found: dict[str, list[dict[str, Any]]] = {}
    for part in PARTS:
        files = sorted(out.glob(f"{part}.*of*.json"))
        counts = {int(file.name.split(".")[1].partition("of")[2]) for file in files}
        if not files:
            continue
        if len(counts) > 1 or len(files) != counts.pop():
            raise ValueError(
                f"{out}: the shards of {part} are not one run: {', '.join(f.name for f in files)}"
            )
        found[part] = [json.loads(file.read_text()) for file in files]
        if any(one["how"] != found[part][0]["how"] for one in found[part]):
            raise ValueError(
                f"{out}: the shards of {part} come from different checkpoints, judges or settings"
            )
    if not found:
        raise FileNotFoundError(f"{out} has no shards to merge")
    return found


def merge(out: Path, absent: dict[str, str]) -> dict[str, Any]:
    """All shards of all parts as one report, its sheets as one a part; written, told and returned."""
    report: dict[str, Any] = {"parts": {}, "not_available": absent}
    for part, several in shards(out).items():
        answers = sorted(
            (Answer(**answer) for one in several for answer in one["answers"]),
            key=lambda answer: answer.index,
        )
        report["parts"][part] = several[0]["how"] | summary(part, answers)
        pictures = [Image.open(file) for file in sorted(out.glob(f"{part}.*of*.png"))]
        stack_sheets(pictures).save(out / f"{part}.png")
    (out / REPORT).write_text(json.dumps(report, indent=1) + "\n")
    print("\n".join(lines(report)))
    return report


def summary(part: str, answers: Sequence[Answer]) -> dict[str, Any]:
    """Figures and confusions of one part."""
    asked = sorted({what for answer in answers for what in answer.asked})
    return {
        "n": len(answers),
        "figures": {one.bar.measure: one.record for one in figures(part, answers)},
        "told": [one.told() for one in figures(part, answers)],
        "motion_by_name": by_motion(answers) if "motion" in asked else {},
        "confusions": {what: confusions(answers, what) for what in asked},
        "answers": [answer.record for answer in answers],
    }


def figures(part: str, answers: Sequence[Answer]) -> list[Figure]:
    return [figure(bar, [answer.measured[bar.measure] for answer in answers]) for bar in PARTS[part].bars]


def by_motion(answers: Sequence[Answer]) -> dict[str, str]:
    """How many of each motion are right."""
    names = sorted({answer.asked["motion"] for answer in answers})
    return {
        name: f"{sum(a.seen['motion'] == name for a in of)} of {len(of)}"
        for name in names
        if (of := [answer for answer in answers if answer.asked["motion"] == name])
    }


def confusions(answers: Sequence[Answer], what: str) -> dict[str, int]:
    pairs = Counter(f"{a.asked[what]} -> {a.seen[what]}" for a in answers if what in a.wrong)
    return dict(pairs.most_common())


def lines(report: dict[str, Any]) -> Iterable[str]:
    """What is printed: a paragraph a part, and what could not be asked."""
    for part, found in report["parts"].items():
        yield f"{part} (n {found['n']}, {found['size']} pixels, {found['steps']} steps, seed {found['seed']})"
        yield from (f"    {line}" for line in found["told"])
    for part, reason in report["not_available"].items():
        if part not in report["parts"]:
            yield f"{part}: not available, {reason}"
