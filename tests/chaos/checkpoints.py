"""The checkpoint of the chaos tests: the tiniest real one with a few steps of super-resolution."""

from tests.tiny import SAMPLING, write_checkpoint

BASE_STEPS, SSR_STEPS = 10, 3
WINDOW = 8  # frames: so that there are several, which memory can be too small for at a time
VIDEO = {"prompt": "a boat", "size": "256x256", "seconds": 1, "steps": BASE_STEPS, "seed": 5}


def written(folder):
    """A folder of checkpoints with this one in it."""
    from dataclasses import replace

    write_checkpoint(folder / "ciotat-1", replace(SAMPLING, ssr_steps=SSR_STEPS, window=WINDOW))
    return folder
