"""What a job is made of beside its spec."""

import json
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from worker.media import Medium


class Material(NamedTuple):
    """Copies of inputs, which are stored already under the id that the job will have, and the video it comes from."""

    job_id: str
    inputs: Mapping[str, Medium]
    remixed_from: str | None = None

    def record(self) -> dict[str, str]:
        """Its fields in the job's record."""
        inputs = {field: medium.model_dump() for field, medium in self.inputs.items()}
        origin = {"remixed_from": self.remixed_from} if self.remixed_from else {}
        return {"inputs": json.dumps(inputs)} | origin


def new_id() -> str:
    """A job's id, which nobody can guess."""
    return f"video_{secrets.token_hex(16)}"
