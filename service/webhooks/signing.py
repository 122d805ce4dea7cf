"""What an endpoint is sent, and how it knows that it comes from here: Standard Webhooks 1.0.0, signatures `v1`."""

import base64
import json
import secrets
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict
from standardwebhooks import Webhook


class Event(BaseModel):
    """What happened to a video; `created_at` is when, in seconds since 1970."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: str
    tenant: str
    type: str
    created_at: float
    video: str

    def body(self) -> bytes:
        """The same bytes at every attempt, in the shape of OpenAI's events."""
        told = {
            "id": self.id,
            "object": "event",
            "created_at": int(self.created_at),
            "type": self.type,
            "data": {"id": self.video},
        }
        return json.dumps(told, separators=(",", ":")).encode()


def new_secret() -> str:
    """A secret of 256 random bits."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def signed(event: Event, signing_secrets: Iterable[str]) -> dict[str, str]:
    """The headers of one attempt, made now: its signatures are good for the five minutes that receivers grant."""
    at = datetime.fromtimestamp(int(time.time()), UTC)
    text = event.body().decode()
    return {
        "content-type": "application/json",
        "webhook-id": event.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(each).sign(event.id, at, text) for each in signing_secrets),
    }
