"""Plain fields to what was asked, checked, whichever door they came through."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from service.errors import InvalidField

Asked = TypeVar("Asked", bound=BaseModel)
_WORDS = {"extra_forbidden": "unknown field", "missing": "this field is required"}


def parsed(kind: type[Asked], fields: Mapping[str, object]) -> Asked:
    """What was asked, checked; the first complaint names its field."""
    try:
        return kind.model_validate(fields)
    except ValidationError as invalid:
        raise _first(invalid) from None


def _first(invalid: ValidationError) -> InvalidField:
    """The first of pydantic's complaints, with the field in front."""
    error = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
    field = str(error["loc"][0]) if error["loc"] else None
    return InvalidField(field, _WORDS.get(error["type"], error["msg"]))
