"""What the OpenAPI document says an answer leads to: its links, from what was made to what can be done with it."""

from typing import Any

_VIDEO, _FILE, _ENDPOINT = (
    "/v1/videos/{video_id}",
    "/v1/files/{file_id}",
    "/v1/webhook_endpoints/{endpoint_id}",
)
_LEADS = {
    "/v1/videos": {
        "retrieve": ("get", _VIDEO),
        "events": ("get", f"{_VIDEO}/events"),
        "content": ("get", f"{_VIDEO}/content"),
        "cancel": ("post", f"{_VIDEO}/cancel"),
        "remix": ("post", f"{_VIDEO}/remix"),
        "delete": ("delete", _VIDEO),
    },
    "/v1/files": {
        "retrieve": ("get", _FILE),
        "content": ("get", f"{_FILE}/content"),
        "delete": ("delete", _FILE),
    },
    "/v1/webhook_endpoints": {
        "retrieve": ("get", _ENDPOINT),
        "change": ("post", _ENDPOINT),
        "rotate_secret": ("post", f"{_ENDPOINT}/rotate_secret"),
        "deliveries": ("get", f"{_ENDPOINT}/deliveries"),
        "delete": ("delete", _ENDPOINT),
    },
}


def add_links(document: dict[str, Any]) -> None:
    """To each creation that this document has, the routes that take the id of what was created."""
    paths = document["paths"]
    for made, leads in _LEADS.items():
        if made in paths:
            links = {name: _link(paths[path][method], path) for name, (method, path) in leads.items()}
            paths[made]["post"]["responses"]["200"]["links"] = links


def _link(operation: dict[str, Any], path: str) -> dict[str, Any]:
    name = path.partition("{")[2].partition("}")[0]
    return {"operationId": operation["operationId"], "parameters": {name: "$response.body#/id"}}
