"""Text encoders of any Hugging Face folder: the states are the encoder's own, and nothing else is read or run."""

import json
import socket
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertModel,
    BertTokenizerFast,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from model.bert import Bert, is_bert
from model.huggingface import HuggingFace
from model.text import TextEncoder, TextEncoderMissing, packaged_encoder
from tests import tiny

WORDS = ["<pad>", "</s>", "<unk>", "a", "red", "boat", "rising"]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No test of this file may open a connection."""

    def refuse(*arguments):
        raise AssertionError("a text encoder asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def encoder():
    return TextEncoder(packaged_encoder())


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    """A folder with a random T5 encoder of seven words, as transformers saves it."""
    folder = tmp_path_factory.mktemp("t5")
    words = Tokenizer(models.WordLevel({word: k for k, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 2, "num_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        T5EncoderModel(T5Config(vocab_size=len(WORDS), **sizes)).save_pretrained(folder)
    return folder


def test_states_are_those_of_the_plain_encoder(encoder):
    folder = packaged_encoder()
    tokens = BertTokenizerFast.from_pretrained(folder)("a red balloon rising over grass", return_tensors="pt")
    with torch.no_grad():
        expected = BertModel.from_pretrained(folder).eval()(**tokens).last_hidden_state

    states, mask = encoder(["a red balloon rising over grass"])

    torch.testing.assert_close(states, expected)
    assert mask.all()
    assert (states.dtype, mask.dtype) == (torch.float32, torch.bool)


ODD = [
    "a red balloon",
    "",
    "Ünïcödé 東京 naïve [MASK] don't \t x\n",
    "a boat " * 500,
    "\U0001f600 \u200b\0z",
    "A" * 300,
]


def test_our_bert_is_that_of_transformers_to_the_bit():
    ours, theirs = (read(packaged_encoder(), "cpu", 64) for read in (Bert, HuggingFace))

    (ids, mask), (expected_ids, expected_mask) = ours.tokens(ODD), theirs.tokens(ODD)

    assert torch.equal(ids, expected_ids)
    assert torch.equal(mask, expected_mask)
    assert torch.equal(ours.states(ids, mask.bool()), theirs.states(ids, mask.bool()))
    assert [ours.length(text) for text in ODD] == [theirs.length(text) for text in ODD]


@pytest.mark.parametrize(
    ("unusual", "plain"),
    [({}, True), ({"hidden_act": "relu"}, False), ({"position_embedding_type": "relative_key"}, False)],
)
def test_what_our_bert_does_not_do_is_left_to_transformers(tmp_path, unusual, plain):
    for file in packaged_encoder().iterdir():
        if file.is_file():
            (tmp_path / file.name).symlink_to(file)
    config = json.loads((tmp_path / "config.json").read_text()) | unusual
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config))

    assert is_bert(tmp_path) == plain
    assert not is_bert(tmp_path / "absent")


def test_texts_of_a_batch_are_padded_masked_and_else_as_they_are_alone(encoder):
    texts = ["a boat", "", "a very long red boat that rises over the sea"]

    states, mask = encoder(texts)

    for k, text in enumerate(texts):
        alone = encoder([text]).states[0]
        assert mask[k].tolist() == [True] * len(alone) + [False] * (mask.shape[1] - len(alone))
        torch.testing.assert_close(states[k, : len(alone)], alone, rtol=1e-4, atol=1e-5)


def test_an_empty_text_is_something_to_listen_to(encoder):
    states, mask = encoder([""])

    assert mask.any()
    assert states.isfinite().all()


@pytest.mark.parametrize("most", [2, 5])
def test_a_long_text_is_cut_where_the_checkpoint_says(most):
    encoder = TextEncoder(packaged_encoder(), max_tokens=most)

    assert encoder(["a boat " * 500, "a"]).states.shape == (2, min(most, 503), 384)


def test_a_frozen_encoder_gives_the_same_twice_and_no_gradients(encoder):
    first, second = encoder(["a boat"]).states, encoder(["a boat"]).states

    assert torch.equal(first, second)
    assert not first.requires_grad
    tokens = encoder.tokens(["a boat"])
    assert not encoder._encoder.states(tokens["input_ids"], tokens["attention_mask"].bool()).requires_grad


def test_a_t5_encoder_folder_is_read_too(t5):
    plain = T5EncoderModel.from_pretrained(t5).eval()
    with torch.no_grad():
        expected = plain(input_ids=torch.tensor([[3, 4, 5, 1]])).last_hidden_state

    states, mask = TextEncoder(t5)(["a red boat", "rising"])

    torch.testing.assert_close(states[0], expected[0])
    assert mask.tolist() == [[True] * 4, [True, True, False, False]]


def test_a_t5_encoder_conditions_a_network(t5):
    text = TextEncoder(t5)(["a red boat", ""])
    network = tiny.stunet(replace(tiny.BASE, text_dim=16))
    x = torch.zeros(2, 3, 2, 16, 16)

    clips = network(x, torch.ones(2), network.read(text))

    assert clips.isfinite().all()
    assert not torch.allclose(clips[0], clips[1])


def test_a_folder_of_pickled_weights_is_not_read(t5, tmp_path):
    for file in t5.iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")

    with pytest.raises(OSError, match="safetensors"):
        TextEncoder(tmp_path)


def test_a_folder_that_brings_code_does_not_run_it(t5, tmp_path):
    for file in t5.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")

    with pytest.raises(ValueError, match="trust_remote_code"):
        TextEncoder(tmp_path)

    assert not (tmp_path / "ran").exists()


def test_an_encoder_that_is_not_installed_is_named_with_the_remedy():
    with pytest.raises(TextEncoderMissing, match=r"no_such_package .*make setup"):
        packaged_encoder("no_such_package")
