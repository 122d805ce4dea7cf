"""A text encoder reduced to the world's own words, so that it travels light to a machine that only trains.

    python -m model.training.pack_text --out DIR

Captions of the world get the very same tokens as from the whole vocabulary (WordPiece takes the longest match in
each word, and every match that the world's words need is kept). Weights are stored as float16.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from model.text import packaged_encoder
from model.training import phrasing, words
from model.training.backgrounds import BACKGROUNDS
from model.training.captions import PHRASES, STILL, VIDEO
from model.training.motions import SPEEDS
from model.training.objects import drawings
from model.training.photographs import shipped

EMBEDDINGS = "embeddings.word_embeddings.weight"


def vocabulary() -> list[str]:
    """Everything that a caption is made of, and the held-out words that evaluation asks with."""
    pieces = [*(d.name for d in drawings()), *VIDEO, *STILL, *SPEEDS, "a an the"]
    pieces += [phrase for phrases in PHRASES.values() for phrase in phrases]
    pieces += [text for background in BACKGROUNDS for text in (background.name, background.place)]
    return [*pieces, *phrasing.pieces(), *words.everything(), *shipped()[0]]


def pack(source: Path, out: Path) -> int:
    """Write the reduced encoder; returns how many tokens it knows."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_padding()
    content = json.loads((source / "tokenizer.json").read_text())
    special = {token["content"]: token["id"] for token in content["added_tokens"]}
    used = {i for encoded in tokenizer.encode_batch(vocabulary()) for i in encoded.ids} | set(
        special.values()
    )
    kept = sorted(used)
    new = {old: i for i, old in enumerate(kept)}
    content["model"]["vocab"] = {w: new[i] for w, i in content["model"]["vocab"].items() if i in new}
    for token in content["added_tokens"]:
        token["id"] = new[token["id"]]
    for token in content["post_processor"].get("special_tokens", {}).values():
        token["ids"] = [new[i] for i in token["ids"]]
    for name in ("sep", "cls"):  # the older BertProcessing form
        if name in content["post_processor"]:
            token = content["post_processor"][name]
            content["post_processor"][name] = [token[0], new[token[1]]]
    content["padding"] = None

    out.mkdir(parents=True, exist_ok=True)
    (out / "tokenizer.json").write_text(json.dumps(content))
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(source / name, out / name)
    config = json.loads((source / "config.json").read_text()) | {
        "vocab_size": len(kept),
        "pad_token_id": new[0],
    }
    (out / "config.json").write_text(json.dumps(config))
    weights = load_file(source / "model.safetensors")
    prefix = next(name for name in weights if name.endswith(EMBEDDINGS))
    weights[prefix] = weights[prefix][torch.tensor(kept)]
    halved = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in weights.items()}
    save_file(halved, out / "model.safetensors", metadata={"format": "pt"})
    return len(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    print(f"{pack(packaged_encoder(), args.out)} tokens kept in {args.out}")


if __name__ == "__main__":
    main()
