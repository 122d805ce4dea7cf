"""Which checkpoints are installed: a folder listing, so that the API tier refuses a model without torch."""

from pathlib import Path

SHIPPED = Path(__file__).parent / "checkpoints"
INDEX = "model_index.json"


class UnknownModel(LookupError):
    """No checkpoint of that name is installed."""


def installed(checkpoints: Path) -> list[str]:
    """The names of the checkpoint folders, sorted."""
    return sorted(index.parent.name for index in checkpoints.glob(f"*/{INDEX}"))


def locate(checkpoints: Path, model: str) -> Path:
    """The folder of one installed checkpoint; a name is matched against the listing, never joined unseen."""
    names = installed(checkpoints)
    if model not in names:
        raise UnknownModel(f"model {model!r} is not installed; installed: {', '.join(names) or 'none'}")
    return checkpoints / model
