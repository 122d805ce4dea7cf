"""A multipart body as it streams in: files to disk, counted byte by byte, and refused as soon as they are too large."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from python_multipart.multipart import parse_options_header
from starlette.formparsers import MultiPartParser
from starlette.requests import Request

from service.errors import BodyTooLarge, InvalidField, MediaTooLarge, UnsupportedBody

CHARSETS = {b"utf-8", b"utf8", b"us-ascii"}  # other codecs take quadratic time, or make half characters


class UploadParser(MultiPartParser):
    """Starlette's parser, which keeps a megabyte of a file in memory and the rest in a nameless one on disk."""

    def __init__(
        self,
        request: Request,
        files: AbstractSet[str],
        file_bytes: int,
        most_fields: int,
        most_text: int,
        hold_text: Callable[[int], None],
    ) -> None:
        charset = parse_options_header(request.headers["content-type"])[1].get(b"charset", b"utf-8")
        if charset.lower() not in CHARSETS:
            raise UnsupportedBody("the charset of the form: send UTF-8")
        super().__init__(
            request.headers,
            request.stream(),
            max_files=most_fields,
            max_fields=most_fields,
            max_part_size=most_text,
        )
        self._taken = files
        self._file_bytes = file_bytes
        self._most_text = most_text
        self._hold_text = hold_text
        self._of_files = self._of_text = 0

    def on_headers_finished(self) -> None:
        """A file where none is wanted is refused before its first byte."""
        super().on_headers_finished()
        part = self._current_part
        if part.file is not None and part.field_name not in self._taken:
            raise InvalidField(part.field_name.partition("[")[0], "files are not accepted")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Count what arrives, text and files apart: a hundred fields of text would all be held in memory."""
        part = self._current_part
        if part.file is None:
            self._of_text += end - start
            if self._of_text > self._most_text:
                raise BodyTooLarge(f"the text in the form is larger than {self._most_text} bytes")
            self._hold_text(self._of_text)
        else:
            self._of_files += end - start
            if self._of_files > self._file_bytes:
                raise MediaTooLarge(part.field_name, f"larger than {self._file_bytes} bytes")
        super().on_part_data(data, start, end)
