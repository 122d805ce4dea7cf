"""The playground: one page at `/` and the files that it is made of. It is a client of the API like any other."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response

from service.rest.conditions import known

FOLDER = Path(__file__).parents[1] / "playground"
PAGE = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # what was fetched with a key, or picked, is shown from memory
        "media-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # no text ever becomes markup or code
    )
)
HEADERS = {
    "cache-control": "no-cache",  # kept, and asked for again by its tag: all files are of one version
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Piece:
    """One file, plain and packed."""

    content_type: str
    plain: bytes
    packed: bytes

    @classmethod
    def read(cls, path: Path) -> "Piece":
        """As it lies in the package."""
        plain = path.read_bytes()
        return cls(TYPES[path.suffix], plain, gzip.compress(plain, mtime=0))

    def answer(self, request: Request) -> Response:
        """The file, or no more than that the browser has it."""
        packs = "gzip" in request.headers.get("accept-encoding", "")
        body = self.packed if packs else self.plain
        headers = HEADERS | {"etag": f'"{sha256(body).hexdigest()[:32]}"'}
        if packs:
            headers["content-encoding"] = "gzip"
        if known(", ".join(request.headers.getlist("if-none-match")), headers["etag"]):
            return Response(None, 304, headers)
        return Response(body, 200, headers, self.content_type)


def add_playground(app: FastAPI) -> None:
    """Needs no key, as there is nothing in it; the OpenAPI document is about the API and does not tell of it."""
    pieces = {path.name: Piece.read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        """The page."""
        return pieces[PAGE].answer(request)

    @app.api_route("/playground/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    async def piece(request: Request, name: str) -> Response:
        """A file of the page."""
        if name not in pieces:
            raise HTTPException(404, "there is no such file")
        return pieces[name].answer(request)
