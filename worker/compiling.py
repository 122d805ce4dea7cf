"""A worker's networks made fast before the first video is asked for, by making videos that nobody sees."""

import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from model.catalog import defaults
from model.optimise import Speed, fastest, preparing
from model.pipeline import Pipeline
from model.spec import Size, VideoSpec

log = logging.getLogger(__name__)


def compile_for(
    sizes: Sequence[str], pipeline: Pipeline, folder: Path, window_batch: int, cache: Path
) -> None:
    """Have the networks of the checkpoint in `folder` ready for five seconds of words in these sizes, where compiling
    pays. What the compiler makes is kept in `cache`, for the next worker."""
    speed = fastest(pipeline.device)
    if not sizes or speed == Speed():
        return
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache))
    began, guidance = time.monotonic(), defaults(folder).guidance_scale
    pipeline.optimise(speed)
    with preparing(pipeline.base, pipeline.ssr):
        for size in sizes:
            asked = VideoSpec(prompt="a", size=cast(Size, size), steps=2, guidance_scale=guidance)
            pipeline.generate(asked, window_batch=window_batch)
    log.info("compiled for %s in %.1f s", ", ".join(sizes), time.monotonic() - began)
