"""How long videos take: those that are alike in what they cost share a pace, measured at the last few of them."""

from model.spec import VideoSpec


def pace(spec: VideoSpec) -> str:
    """By what videos that take equally long are known."""
    guided = "guided" if spec.guidance_scale != 1.0 else "unguided"  # guidance doubles a step
    return f"{spec.model}:{spec.size}:{spec.seconds}:{spec.steps}:{guided}"
