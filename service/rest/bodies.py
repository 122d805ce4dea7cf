"""What the OpenAPI document says of request bodies."""

from typing import Any

from pydantic import BaseModel

from service.media.inputs import DATA_URL_CHARACTERS

IMAGE_URL = {"type": "string", "maxLength": DATA_URL_CHARACTERS}
REFERENCE = {
    "anyOf": [
        {"type": "string", "format": "binary"},
        {"type": "object", "properties": {"image_url": IMAGE_URL}, "required": ["image_url"]},
        {"type": "object", "properties": {"file_id": {"type": "string"}}, "required": ["file_id"]},
    ]
}


def body_of(
    kind: type[BaseModel], types: tuple[str, ...] = ("application/json", "multipart/form-data"), **more: Any
) -> dict[str, Any]:
    """The fields of this model and more, all in one place: a reference would lead out of the operation."""
    schema = kind.model_json_schema()
    known = schema.pop("$defs", {})
    schema["properties"] = {name: _inlined(each, known) for name, each in schema["properties"].items()} | more
    return {"requestBody": {"required": True, "content": {each: {"schema": schema} for each in types}}}


def _inlined(schema: Any, known: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(each, known) for each in schema]
    if not isinstance(schema, dict):
        return schema
    target = known.get(str(schema.get("$ref", "")).rpartition("/")[2], {})
    return {name: _inlined(each, known) for name, each in (target | schema).items() if name != "$ref"}
