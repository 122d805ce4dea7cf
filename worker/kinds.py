"""Kinds of settings that are text of a form: addresses, and lists with commas between."""

from ipaddress import ip_network
from typing import Annotated, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator

from model.spec import Size
from worker.outbox import EVENT_SECONDS


def _without_password(url: str) -> str:
    """Addresses are logged."""
    if "@" in urlsplit(url).netloc:
        raise ValueError("credentials do not belong in the address of the S3 server")
    return url


def listed(text: str) -> list[str]:
    """The parts of a comma-separated setting."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _ports(text: str) -> str:
    if not all(part.isdecimal() and 0 < int(part) < 65536 for part in listed(text)):
        raise ValueError("ports are numbers from 1 to 65535, separated by commas")
    return text


def _waits(text: str) -> str:
    """An event can be sent for a week."""
    try:
        waits = [float(part) for part in listed(text)]
    except ValueError:
        raise ValueError("waits are seconds, separated by commas") from None
    if not all(wait >= 0 for wait in waits) or 1.1 * sum(waits) >= EVENT_SECONDS:
        raise ValueError(f"waits are not negative, and less than {EVENT_SECONDS} s in all with a tenth more")
    return text


def _networks(text: str) -> str:
    for part in listed(text):
        ip_network(part)
    return text


def _sizes(text: str) -> str:
    for part in listed(text):
        if part not in get_args(Size):
            raise ValueError(f"{part!r} is no size of a video, as {', '.join(get_args(Size))} are")
    return text


Address = Annotated[str, AfterValidator(_without_password)]
Ports = Annotated[str, AfterValidator(_ports)]
Networks = Annotated[str, AfterValidator(_networks)]
Waits = Annotated[str, AfterValidator(_waits)]
Sizes = Annotated[str, AfterValidator(_sizes)]
