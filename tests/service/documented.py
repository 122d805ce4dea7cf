"""Holds every answer that a test gets against the OpenAPI document: what that does not tell fails the test."""

from starlette.routing import Match

UNDOCUMENTED = {
    *("/openapi.json", "/docs", "/docs/oauth2-redirect"),  # the document does not tell of itself
    *("/", "/playground/{name}"),  # for browsers
}
EVERYWHERE = {"content-type", "content-length", "transfer-encoding"}

_DOCUMENTS = {}


def template(app, method, path):
    """The path of the route that answers, as the document has it; None where there is no such route."""
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    found = next((each for each in app.routes if each.matches(scope)[0] is Match.FULL), None)
    return found and found.path.replace(":path}", "}")


def document(app):
    """Its document, kept for all that have the same routes: tests make many of few kinds, and each takes a while."""
    routes = tuple((each.path, *sorted(each.methods), each.endpoint.__code__) for each in app.routes)
    if routes not in _DOCUMENTS:
        _DOCUMENTS[routes] = app.openapi()
    return _DOCUMENTS[routes]


def held_against(app):
    """A hook for a client."""

    def hold(reply):
        method = reply.request.method
        path = template(app, method, reply.request.url.path)
        if path is None or path in UNDOCUMENTED:
            return
        told = document(app)["paths"][path][method.lower()]["responses"]
        assert str(reply.status_code) in told, f"{method} {path} does not tell of {reply.status_code}"
        headers = set(reply.headers) - EVERYWHERE - set(told[str(reply.status_code)]["headers"])
        assert not headers, f"{method} {path} does not tell of {headers} with {reply.status_code}"

    return hold
