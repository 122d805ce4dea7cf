import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from model.spec import MAX_SEED, VideoSpec


def test_a_prompt_alone_is_a_five_second_video():
    spec = VideoSpec(prompt="  a red balloon rising ")

    assert spec.prompt == "a red balloon rising"
    assert (spec.frames, spec.width, spec.height, spec.steps) == (80, 512, 512, 20)
    assert spec.model == "ciotat-1"
    assert (spec.strength, spec.loop, spec.style, spec.style_alpha) == (0.7, False, None, 0.8)


@pytest.mark.parametrize(("size", "width", "height"), [("1280x720", 1280, 720), ("720x1280", 720, 1280)])
def test_width_comes_first_and_the_cost_counts_both(size, width, height):
    spec = VideoSpec(prompt="a", size=size, seconds=1, steps=10)

    assert (spec.width, spec.height) == (width, height)
    assert spec.cost == 148  # 16 frames x 0.9216 megapixels x 10 steps, rounded up


def test_without_a_seed_one_is_drawn_and_kept():
    first, second = VideoSpec(prompt="a"), VideoSpec(prompt="a", seed=None)

    assert 0 <= first.seed <= MAX_SEED
    assert first.seed != second.seed
    assert VideoSpec.model_validate_json(first.model_dump_json()) == first


def test_numbers_may_come_as_strings():
    spec = VideoSpec.model_validate(
        {"prompt": "a", "seconds": "3", "seed": "7", "steps": "4", "guidance_scale": "2.5"}
    )

    assert (spec.seconds, spec.seed, spec.steps, spec.guidance_scale) == (3, 7, 4, 2.5)


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("prompt", "   ", "1"),
        ("prompt", "a" * 2001, "2000"),
        ("prompt", 7, "string"),
        ("negative_prompt", "a" * 2001, "2000"),
        ("model", "../../etc", "pattern"),
        ("seconds", 0, "1"),
        ("seconds", "21", "20"),
        ("seconds", True, "boolean"),
        ("seconds", "soon", "integer"),
        ("size", "640x480", "720x1280"),
        ("seed", -1, "0"),
        ("seed", 2**63, str(MAX_SEED)),
        ("seed", False, "boolean"),
        ("steps", 10**9, "100"),
        ("steps", 0, "1"),
        ("guidance_scale", 0.5, "1"),
        ("guidance_scale", float("nan"), "1"),
        ("strength", 1.5, "1"),
        ("strength", False, "boolean"),
        ("style", "x" * 65, "64"),
        ("style_alpha", -0.5, "0"),
        ("loop", "around", "boolean"),
        ("loras", ["x"], "not permitted"),
    ],
)
def test_a_limit_names_its_field_and_itself(field, value, limit):
    with pytest.raises(ValidationError) as refused:
        VideoSpec.model_validate({"prompt": "a", field: value})

    (error,) = refused.value.errors()
    assert error["loc"] == (field,)
    assert limit in error["msg"]


@given(
    st.builds(
        VideoSpec,
        prompt=st.text(min_size=1, max_size=2000).filter(str.strip),
        seconds=st.integers(1, 20),
        seed=st.integers(0, MAX_SEED),
        steps=st.integers(1, 100),
        guidance_scale=st.floats(1, 20),
    )
)
def test_a_spec_survives_json(spec):
    assert VideoSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_spec_needs_no_torch():
    loaded = "import sys, model.spec, model.catalog; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0
