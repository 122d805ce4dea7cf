"""Coverage-guided: what worker/probe.py does with a file, without the process around it. Run by test_coverage.py.

In the service whatever is raised, and a crash too, is a refusal; here it may raise what it likes, but neither crash nor
grow nor hang, and what it takes must be within the limits and a whole medium.
"""

import importlib.util
import io
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["PIL"]):
    from PIL import Image

import av

from service.media.intake import form_of

PROBE = Path(__file__).parents[2] / "worker" / "probe.py"
spec = importlib.util.spec_from_file_location("probe", PROBE)
probe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(probe)
PIXELS = 1 << 16


def limits(form):
    return probe.Arguments(form, 1, PIXELS, PIXELS, 20, 3.0, 1, 1 << 29, 1 << 22)


READ = {form: probe._image(limits(form)) for form in ("PNG", "JPEG", "WEBP")}
READ |= {form: probe._video(limits(form)) for form in ("MP4", "WEBM")}
av.logging.set_level(None)


def one_input(data):
    source, target = io.BytesIO(data), io.BytesIO()
    form = form_of(source)
    if form is None:
        return
    try:
        found = READ[form](source, target)
    except Exception:  # noqa: BLE001 - a refusal
        return
    assert 0 < found["width"] * found["height"] <= PIXELS, found
    assert 0 < found["frames"] <= 20, found
    assert len(target.getvalue()) <= 1 << 22
    target.seek(0)
    if form in ("MP4", "WEBM"):
        with av.open(target) as copy:
            assert len(copy.streams.video) == len(copy.streams) == 1
    else:
        with Image.open(target, formats=["PNG"]) as copy:
            assert copy.size == (found["width"], found["height"])
            assert copy.info == {}


atheris.Setup(sys.argv, one_input)
atheris.Fuzz()
