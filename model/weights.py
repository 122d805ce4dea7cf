"""Checkpoints: folders of safetensors and JSON, one folder a component. Reading one never runs code."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from model.catalog import Defaults, Limits
from model.image_unet import ImageUNet, ImageUNetConfig
from model.stunet import InflationConfig, STUNet, TemporalDelta
from model.tasks import Task

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model_index.json"
FORMAT = "ciotat/1"
LONGER = ("windows", "passes")


class InvalidCheckpoint(ValueError):
    """A checkpoint's file is missing, truncated, or does not fit its config."""


@dataclass(frozen=True)
class Sampling:
    """How a checkpoint wants to be sampled: the request says only steps and guidance scale."""

    base_sampler: str = "dpmpp_2m"
    ssr_sampler: str = "dpmpp_2m"
    base_size: int = 128  # pixels a side of the base clip
    base_shift: float = 12.0  # schedule shift of the base pass (diffusion.shifted)
    guidance_interval: tuple[float, float] = (0.0, 1.0)  # noise levels that are guided
    ssr_steps: int = 4
    ssr_shift: float = 0.5
    augmentation: float = 0.1  # noise on the low-resolution clip, in [0, 1]
    window: int = 28  # frames of a super-resolution window
    overlap: int = 2  # frames that neighbouring windows share
    max_tokens: int = 64  # longer prompts are cut
    longest: int = 80  # frames that the base model makes at once
    longer: str = (
        "windows"  # a longer clip of words is made in windows of those, or in "passes", as it is extended
    )
    shared: int = 40  # frames that neighbouring windows of the base model share
    known: int = 16  # frames of what is there that an extension knows

    def __post_init__(self) -> None:
        if self.longer not in LONGER:
            raise ValueError(f"longer must be one of {', '.join(LONGER)}, not {self.longer!r}")
        if not 0 <= self.shared < self.longest:
            raise ValueError(f"shared must be less than longest, {self.longest}: got {self.shared}")


Config = TypeVar("Config")


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    try:
        content = json.loads(file.read_text())
    except FileNotFoundError as error:
        raise InvalidCheckpoint(f"{file} is missing") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InvalidCheckpoint(f"{file} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidCheckpoint(f"{file} must hold a JSON object")
    return content


def parse(kind: type[Config], content: dict[str, Any], file: Path) -> Config:
    """A config dataclass from its JSON; unknown names and bad values are refused by name."""
    defaults = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(content.keys() - defaults.keys()):
        raise InvalidCheckpoint(f"{file}: unknown settings {', '.join(unknown)}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
    for name, value in values.items():
        if type(value) is not type(defaults[name]) and (type(value), type(defaults[name])) != (int, float):
            raise InvalidCheckpoint(f"{file}: {name} must be like {defaults[name]!r}, not {value!r}")
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise InvalidCheckpoint(f"{file}: {error}") from error


def load_weights(network: nn.Module, file: Path, grown: Collection[str] = ()) -> None:
    """Fill a network from a safetensors file; every tensor must be there, but those that it has `grown` since, and of
    the right shape."""
    if not file.is_file():
        raise InvalidCheckpoint(f"{file} is missing")
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise InvalidCheckpoint(f"{file} is truncated or not safetensors: {error}") from error
    expected = network.state_dict()
    if missing := sorted(expected.keys() - tensors.keys() - set(grown)):
        raise InvalidCheckpoint(f"{file} lacks {len(missing)} tensors, the first is {missing[0]}")
    if extra := sorted(tensors.keys() - expected.keys()):
        raise InvalidCheckpoint(
            f"{file} has {len(extra)} tensors that the config does not, the first is {extra[0]}"
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            raise InvalidCheckpoint(
                f"{file}: {name} is {tuple(tensor.shape)}, the config says {tuple(expected[name].shape)}"
            )
    network.load_state_dict(
        expected | {name: tensor.to(expected[name].dtype) for name, tensor in tensors.items()}
    )


def save_component(folder: Path, config: Any, network: nn.Module, dtype: torch.dtype = torch.float16) -> None:
    """config.json and model.safetensors of one component."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(asdict(config), indent=2) + "\n")
    state = {
        name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in network.state_dict().items()
    }
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})


def load_image_unet(folder: Path) -> ImageUNet:
    """An image network, float32 on the CPU."""
    network = ImageUNet(parse(ImageUNetConfig, read_json(folder / CONFIG), folder / CONFIG))
    load_weights(network, folder / WEIGHTS)
    return network


def load_stunet(image_folder: Path, temporal_folder: Path) -> STUNet:
    """A video network from image weights and a temporal delta, float32 on the CPU, all weights frozen."""
    image = load_image_unet(image_folder)
    config = parse(InflationConfig, read_json(temporal_folder / CONFIG), temporal_folder / CONFIG)
    delta = TemporalDelta(image.config, config)
    load_weights(delta, temporal_folder / WEIGHTS)
    return STUNet(image, delta, config).requires_grad_(False).eval()


def save_stunet(image_folder: Path, temporal_folder: Path, network: STUNet) -> None:
    """The two components of a video network."""
    save_component(image_folder, network.image.config, network.image)
    save_component(temporal_folder, network.config, network.temporal)


def save_index(
    folder: Path,
    sampling: Sampling,
    tasks: Sequence[Task] = (Task.TEXT_TO_VIDEO,),
    defaults: Defaults = Defaults(),  # noqa: B008 (it is frozen)
    limits: Limits = Limits(),  # noqa: B008
) -> None:
    """model_index.json: what makes a folder a checkpoint, what it does, how it is best asked, and for how much."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {
        "format": FORMAT,
        "tasks": list(tasks),
        "defaults": defaults.model_dump(),
        "limits": limits.model_dump(),
        "sampling": asdict(sampling),
    }
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n")


def fingerprint(folder: Path) -> str:
    """SHA-256 over the names and bytes of a checkpoint's files: the same for the same weights, wherever they lie."""
    digest = hashlib.sha256()
    for file in sorted(each for each in folder.rglob("*") if each.suffix in (".json", ".safetensors")):
        with file.open("rb") as opened:
            told = f"{file.relative_to(folder)} {hashlib.file_digest(opened, 'sha256').hexdigest()}\n"
        digest.update(told.encode())
    return digest.hexdigest()


def load_index(folder: Path) -> Sampling:
    """How the checkpoint in `folder` wants to be sampled."""
    file = folder / INDEX
    index = read_json(file)
    if index.get("format") != FORMAT:
        raise InvalidCheckpoint(f"{file}: format {index.get('format')!r} is not {FORMAT!r}")
    if not isinstance(sampling := index.get("sampling", {}), dict):
        raise InvalidCheckpoint(f"{file}: sampling must be a JSON object")
    for name, kind in (("defaults", Defaults), ("limits", Limits)):
        try:
            kind.model_validate(index.get(name, {}))
        except ValidationError as error:
            raise InvalidCheckpoint(f"{file}: {name}: {error.errors()[0]['msg']}") from error
    return parse(Sampling, sampling, file)
