"""Train stages of the cascade, one after the other, into a checkpoint folder.

    python -m model.training.train base_image=10 base_temporal=9 --out runs/ciotat-1
    torchrun --nproc-per-node 2 -m model.training.train base_image=10 base_temporal=9 --out runs/ciotat-1
    python -m model.training.train base_distilled=8 --out runs/ciotat-1
    python -m model.training.train ssr_image=4 ssr_temporal=3 --out runs/ciotat-1
    python -m model.training.train style_flat=2 style_line=2 --out runs/ciotat-1

A stage is NAME=MINUTES; base_distilled makes a student of few, unguided steps of the base_temporal in --out. Each
writes its component (averaged weights), state.safetensors (everything that a later run needs to go on), log.jsonl and
samples.png, about every third minute and at its end. A stage that finds a component of its name under --resume goes on
from it: from its state if there is one, else from its weights.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from model.catalog import INDEX
from model.catalog import STYLES as STYLES_FOLDER
from model.text import packaged_encoder
from model.training import styles, super_resolution, text_to_video
from model.training.distillation import distillation
from model.training.feed import Source
from model.training.loop import Budget, Place, Trainer
from model.training.mixture import Mixture
from model.training.objects import Atlas, drawings
from model.training.photographs import Album
from model.training.recipe import Distillation, Recipe, Settings
from model.training.world import World
from model.weights import Sampling, save_component, save_index

STYLES = {f"style_{name}": name for name in styles.STYLES}
STAGES = ("base_image", "base_temporal", "base_distilled", "ssr_image", "ssr_temporal", *STYLES)
# pixels a side of the drawings that a model's pictures need
TEXTURE = {"base": 128, "ssr": 512, "style": 128}


def stage(text: str) -> tuple[str, float]:
    """NAME=MINUTES."""
    name, _, minutes = text.partition("=")
    if name not in STAGES:
        raise argparse.ArgumentTypeError(f"no stage is called {name!r}: {', '.join(STAGES)}")
    return name, float(minutes or 5)


def folder_of(name: str) -> Path:
    """Where in a checkpoint folder a stage's component lies."""
    return Path(STYLES_FOLDER) / STYLES[name] if name in STYLES else Path(name)


def world_of(style: str | None, texture: int, names: Sequence[str], device: torch.device) -> Source:
    """What stages learn from: the mixture, or the objects alone in a style's drawings."""
    if style:
        return World(styles.load(style, device, texture, names), device)
    return Mixture(World(Atlas.load(device, texture, names), device), Album.load(device))


def recipe_of(name: str, settings: Settings, place: Place, world: Source, out: Path) -> Recipe:
    """The recipe of a stage; temporal stages and styles go around the image weights beside them."""
    if name in STYLES:
        return text_to_video.style(settings, place, world, out / "base_image")
    model, _, part = name.partition("_")
    if part == "distilled":
        return distillation(settings, place, world, out / "base_image", out / "base_temporal")
    if part == "image":
        make = text_to_video.text_to_image if model == "base" else super_resolution.upscaler
        return make(settings, place, world)
    inflated = text_to_video.temporal if model == "base" else super_resolution.temporal
    return inflated(settings, place, world, out / f"{model}_image")


def train(name: str, recipe: Recipe, budget: Budget, place: Place, out: Path, resume: Path | None) -> None:
    """One stage, from first step to saved weights."""
    folder = folder_of(name)
    trainer = Trainer(recipe.learner, budget, place, out / folder)
    if resume is not None and (resume / folder).is_dir():
        trainer.resume(resume / folder)

    def save() -> None:
        with trainer.averages(), torch.compiler.set_stance("force_eager"):
            save_component(out / folder, recipe.config, recipe.learner)
            recipe.draw().save(out / folder / "samples.png")

    trainer.run(recipe.batches, recipe.loss, save)
    if place.rank == 0:
        save()
        trainer.save_state()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train stages of the cascade.")
    parser.add_argument("stages", nargs="+", type=stage, metavar="NAME=MINUTES", help=", ".join(STAGES))
    parser.add_argument("--out", type=Path, required=True, help="checkpoint folder")
    parser.add_argument("--resume", type=Path, help="checkpoint folder to go on from")
    parser.add_argument("--text", type=Path, help="folder of the text encoder (default: the installed one)")
    parser.add_argument("--batch", type=int, help="samples a step and process")
    parser.add_argument("--rate", type=float, default=1.0, help="multiplies all learning rates")
    parser.add_argument(
        "--decay", type=float, default=0.35, help="share of a stage over which its rate falls to 0"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--objects", type=int, help="only the first so many objects, for a trial")
    parser.add_argument("--most-steps", type=int, default=10**9, help="of each stage, for a trial")
    student = parser.add_argument_group("the student that base_distilled makes of base_temporal")
    student.add_argument("--distilled-steps", type=int, default=8, help="of its whole schedule")
    student.add_argument("--moves", type=int, default=1, help="of its teacher in one step of the student")
    student.add_argument("--guidance", type=float, default=2.5, help="scale of its teacher's guidance")
    student.add_argument(
        "--guided", type=float, nargs=2, default=(0.0, 1.0), metavar=("LOW", "HIGH"), help="noise levels"
    )
    parser.add_argument("--eager", action="store_true", help="do not compile")
    parser.add_argument(
        "--oblong", type=float, default=0.0, help="share of batches that are 160x96 or 96x160 (half of each)"
    )
    args = parser.parse_args(arguments)

    place = Place.join(args.device)
    torch.set_float32_matmul_precision("high")
    plan = Distillation(args.distilled_steps, args.moves, args.guidance, tuple(args.guided))
    settings = Settings(
        args.text or packaged_encoder(), args.seed, args.batch, args.eager, args.oblong, distillation=plan
    )
    texture = max(TEXTURE[name.partition("_")[0]] for name, _ in args.stages)
    names = [drawing.name for drawing in drawings()][: args.objects]
    worlds: dict[str | None, Source] = {}
    if not (args.out / INDEX).exists():
        save_index(args.out, Sampling())
    for name, minutes in args.stages:
        style = STYLES.get(name)
        if style not in worlds:
            worlds[style] = world_of(style, texture, names, place.device)
        recipe = recipe_of(name, settings, place, worlds[style], args.out)
        budget = Budget(
            minutes, args.rate * 1e-3, args.rate * 0.02, decay=args.decay, most_steps=args.most_steps
        )
        train(name, recipe, budget, place, args.out, args.resume)
        place.barrier()
    place.leave()


if __name__ == "__main__":
    main()
