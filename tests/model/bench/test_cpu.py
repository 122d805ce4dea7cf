"""make bench: a job is its parts times how often it does them, and a part that has become slower is named."""

import json

import pytest

from model.bench import cpu
from model.weights import Sampling
from tests import tiny

HOW = Sampling(base_size=32, window=16, ssr_steps=2, longest=32, shared=8, known=8)


def test_a_part_that_has_become_slower_than_the_baseline_is_named_and_ends_the_command_with_an_error(
    tmp_path, capsys
):
    tiny.write_checkpoint(tmp_path / "tiny", HOW)
    where = ["--checkpoint", str(tmp_path / "tiny"), "--side", "64", "--out", str(tmp_path / "now.json")]

    with pytest.raises(SystemExit) as first:
        cpu.main([*where, "--baseline", str(tmp_path / "none.json")])
    found = json.loads((tmp_path / "now.json").read_text())
    halved = {"ratios": found["ratios"] | {"base step": found["ratios"]["base step"] / 1000}}
    (tmp_path / "before.json").write_text(json.dumps(halved))
    with pytest.raises(SystemExit) as second:
        cpu.main([*where, "--baseline", str(tmp_path / "before.json")])

    assert first.value.code == 0
    assert found["of_job"]["ssr window"] == pytest.approx(
        6 * found["seconds"]["ssr window"]
    )  # 2 steps of 3 windows
    assert second.value.code == 1
    assert "SLOWER than the baseline: base step" in capsys.readouterr().out
