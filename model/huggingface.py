"""Encoders of texts that transformers reads, and none of ours does: T5 and all that it knows. Loads it, for seconds."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, T5EncoderModel


class HuggingFace:
    """A frozen encoder, float32, and its tokenizer, of any folder that transformers reads without running code."""

    def __init__(self, folder: Path, device: str | torch.device, max_tokens: int) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        architecture = T5EncoderModel if config.model_type == "t5" else AutoModel
        encoder: nn.Module = architecture.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
        self._encoder = encoder.requires_grad_(False).eval().to(device)
        self._max_tokens = max_tokens

    def tokens(self, texts: Sequence[str]) -> tuple[Int[Tensor, "b l"], Int[Tensor, "b l"]]:
        """Ids, and 1 where there is a token, on the CPU."""
        encoded = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt"
        )
        return encoded["input_ids"], encoded["attention_mask"]

    def length(self, text: str) -> int:
        """The number of tokens of the whole text."""
        return len(self._tokenizer(text, truncation=False, verbose=False)["input_ids"])

    def states(self, ids: Int[Tensor, "b l"], mask: Bool[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """The token states of each text; what is masked is not heard."""
        states: Tensor = self._encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return states
