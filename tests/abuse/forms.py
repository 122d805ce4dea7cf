"""Multipart bodies as nobody should send them: boundaries, headers of parts, names, charsets, fields without end."""

FILES = [
    "../../etc/passwd",
    "..\\..\\a.png",
    "/etc/passwd",
    "C:\\a.png",
    "\\\\host\\share\\a",
    "a\0.png",
    "con",
    ".",
    "..",
    " ",
    "a" * 3000,
]
FILES += [
    "\u202egnp.exe",
    "a\u200b.png",
    "a\nb",
    "%2e%2e%2fa",
    "file:///a",
    "a/../../b",
    "$(id)",
    "a;b=c",
    "é" * 300,
    "\ud800",
    "~/.ssh",
    "-rf",
]
NAMES = [
    "prompt",
    "purpose",
    "file",
    "file[]",
    "file[a]",
    "input_reference",
    "input_reference[image_url]",
    "video[id]",
    "metadata[a]",
    "metadata[a][b]",
]
NAMES += [
    "seconds",
    "a" * 4000,
    "",
    "[",
    "]",
    "[]",
    "a[[b]]",
    "\ud800",
    "\u202e",
    "x\r\ny",
    '"',
    "__proto__",
    "expires_after[seconds]",
    "event_types[]",
    "mask",
    "mask[file_id]",
    "last_frame",
    "strength",
    "loop",
    "style",
    "style_alpha",
]
VALUES = [
    "",
    "a boat",
    "1",
    "-1",
    "1e999",
    "\0",
    "\ud800",
    "\U0010ffff",
    "a" * 3000,
    "é",
    "file_x",
    "http://127.0.0.1/",
    "data:;base64,AAAA",
    "vision",
]
CHARSETS = [
    "utf-8",
    "latin-1",
    "utf-16",
    "utf-7",
    "utf-32-be",
    "idna",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
    "undefined",
    "rot13",
    "zlib",
    "hex",
    "mbcs",
    "a" * 3000,
    "a b",
    "é",
    "\0",
]
BOUNDARIES = ["b", "b" * 70, "b" * 5000, "a b", '"b"', "", "-", "--", "\\", "b; boundary=c", "b\t", "é", "'"]


def part(choice):
    """One part, good or bad."""
    name, value = choice.choice(NAMES), choice.choice(VALUES)
    disposition = choice.choice(
        ['form-data; name="{}"'] * 6
        + [
            "form-data; name={}",
            "form-data",
            'attachment; name="{}"',
            'form-data; name="{0}"; name="{0}"',
            "form-data; name*=utf-8''{}",
            "{}",
            "",
        ]
    ).format(name)
    if choice.random() < 0.25:
        disposition += choice.choice(['; filename="{}"', "; filename*=utf-8''{}", "; filename={}"]).format(
            choice.choice(FILES)
        )
    lines = [f"content-disposition: {disposition}"]
    if choice.random() < 0.2:
        lines += [
            choice.choice(
                [
                    "content-type: text/plain; charset=utf-16",
                    "content-transfer-encoding: base64",
                    "content-type: multipart/mixed; boundary=b",
                    "x: " + "a" * 5000,
                    ": a",
                    "a",
                    " folded",
                    *["x: y"] * 3,
                ]
            )
        ] * choice.choice([1, 1, 20])
    return ("\r\n".join(lines) + "\r\n\r\n" + value).encode("utf-8", "surrogatepass")


def form(choice):
    """A content type and a body."""
    boundary = "b" if choice.random() < 0.8 else choice.choice(BOUNDARIES)
    kind = f"multipart/form-data; boundary={boundary}"
    if choice.random() < 0.2:
        kind += f"; charset={choice.choice(CHARSETS)}"
    if choice.random() < 0.05:
        kind = choice.choice(
            [
                "multipart/form-data",
                "multipart/form-data;",
                "multipart/form-data; boundary",
                "multipart/mixed; boundary=b",
                "application/x-www-form-urlencoded; charset=utf-16",
            ]
        )
    mark = b"--" + boundary.encode("utf-8")
    parts = [part(choice) for _ in range(choice.choice([0, 1, 2, 2, 3, 3, 101, 1000]))]
    body = b"".join(mark + b"\r\n" + each + b"\r\n" for each in parts) + mark + b"--\r\n"
    way = choice.randrange(12)
    if way == 0:
        body = body[: choice.randrange(len(body))]
    elif way == 1:
        body = body.replace(b"\r\n", choice.choice([b"\n", b"\r", b"\r\r\n", b"\0"]))
    elif way == 2:
        at = choice.randrange(len(body))
        body = body[:at] + choice.randbytes(choice.choice([1, 4, 300])) + body[at:]
    elif way == 3:
        body = choice.choice([b"", mark, mark + b"--", b"\r\n" * 5000 + body, body + body, body.upper()])
    elif way == 4:
        body = b"&".join(
            b"%%%02x=%d" % (choice.randrange(256), number)
            for number in range(choice.choice([3, 99, 101, 5000]))
        )
        kind = "application/x-www-form-urlencoded"
    header = (
        kind.encode("utf-8", "replace").replace(b"\0", b"").replace(b"\r", b"").replace(b"\n", b"").strip()
    )
    return header, body
