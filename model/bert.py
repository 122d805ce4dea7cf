"""BERT (Devlin et al. 2018) as an encoder of texts, all-MiniLM among them, without transformers' seconds of imports."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import embedding, gelu, layer_norm, linear, scaled_dot_product_attention

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
PLAIN = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
}


def is_bert(folder: Path) -> bool:
    """Whether this folder holds a BERT without anything unusual, its tokenizer, and its weights as data."""
    if not all((folder / name).is_file() for name in (CONFIG, WEIGHTS, TOKENIZER)):
        return False
    config = json.loads((folder / CONFIG).read_text())
    return "auto_map" not in config and {name: config.get(name, PLAIN[name]) for name in PLAIN} == PLAIN


class Bert:
    """A frozen encoder, float32, and its tokenizer; of a folder that `is_bert`."""

    def __init__(self, folder: Path, device: str | torch.device, max_tokens: int) -> None:
        self._config: dict[str, Any] = json.loads((folder / CONFIG).read_text())
        self._weights: Mapping[str, Tensor] = {
            name.removeprefix("bert."): tensor.to(device, torch.float32)
            for name, tensor in load_file(folder / WEIGHTS).items()
        }
        self._whole = Tokenizer.from_file(str(folder / TOKENIZER))
        self._whole.no_padding()
        self._whole.no_truncation()
        self._cut = Tokenizer.from_str(self._whole.to_str())
        self._cut.enable_truncation(max_tokens)
        self._cut.enable_padding(pad_id=self._config["pad_token_id"])

    def tokens(self, texts: Sequence[str]) -> tuple[Int[Tensor, "b l"], Int[Tensor, "b l"]]:
        """Ids, and 1 where there is a token, on the CPU."""
        encoded = self._cut.encode_batch(list(texts))
        return torch.tensor([each.ids for each in encoded]), torch.tensor(
            [each.attention_mask for each in encoded]
        )

    def length(self, text: str) -> int:
        """The number of tokens of the whole text."""
        return len(self._whole.encode(text))

    def states(self, ids: Int[Tensor, "b l"], mask: Bool[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """The token states of one sentence each; what is masked is not heard."""
        x = embedding(ids, self._weights["embeddings.word_embeddings.weight"])
        x = x + self._weights["embeddings.token_type_embeddings.weight"][0]
        x = x + self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x = self._normal("embeddings.LayerNorm", x)
        for number in range(self._config["num_hidden_layers"]):
            x = self._layer(f"encoder.layer.{number}", x, rearrange(mask, "b l -> b 1 1 l"))
        return x

    def _layer(
        self, at: str, x: Float[Tensor, "b l d"], mask: Bool[Tensor, "b 1 1 l"]
    ) -> Float[Tensor, "b l d"]:
        """Attention, then two dense layers; each added to its input and normalised."""
        query, key, value = (
            rearrange(
                self._dense(f"{at}.attention.self.{name}", x),
                "b l (h d) -> b h l d",
                h=self._config["num_attention_heads"],
            )
            for name in ("query", "key", "value")
        )
        heard = rearrange(scaled_dot_product_attention(query, key, value, mask), "b h l d -> b l (h d)")
        x = self._normal(
            f"{at}.attention.output.LayerNorm", self._dense(f"{at}.attention.output.dense", heard) + x
        )
        wide = gelu(self._dense(f"{at}.intermediate.dense", x))
        return self._normal(f"{at}.output.LayerNorm", self._dense(f"{at}.output.dense", wide) + x)

    def _dense(self, name: str, x: Tensor) -> Tensor:
        return linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normal(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return layer_norm(x, x.shape[-1:], weight, bias, self._config["layer_norm_eps"])
