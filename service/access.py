"""Who is asking: what either door knows of a caller before it does anything."""

from typing import Annotated

from fastapi import Depends

from worker.tenants import DEFAULT_TENANT


def asking() -> str:
    """The tenant on whose behalf a request comes."""
    return DEFAULT_TENANT


Caller = Annotated[str, Depends(asking)]
