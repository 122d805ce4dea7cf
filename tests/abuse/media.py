"""Media that nobody should trust: bombs, two things in one file, and real files cut and changed everywhere."""

import io
import struct
import zipfile
import zlib
from functools import cache

from PIL import Image

from tests import clips

HUGE = [10**5, 2**16, 2**31 - 1, 2**32 - 1]


@cache
def real():
    """Small good files, by their form."""
    return {
        "PNG": clips.picture(size=(16, 12)),
        "JPEG": clips.photograph(6, (16, 12)),
        "WEBP": clips.picture("WEBP", (16, 12)),
        "WEBP lossless": clips.picture("WEBP", (16, 12), lossless=True),
        "MP4": clips.clip(frames=4, size=(32, 32)),
        "MP4 fast": clips.faststart(clips.clip(frames=4, size=(32, 32))),
        "WEBM": clips.clip("libvpx-vp9", "webm", 4, (32, 32)),
    }


def of_size(form, width, height):
    """A real file whose header says that it is as large as this, as far as it has room for it."""
    data = real()[form]
    if form == "PNG":
        head = struct.pack(">II", width, height) + data[24:29]
        return data[:8] + clips.chunk(b"IHDR", head) + data[33:]
    if form == "JPEG":
        at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5
        return data[:at] + struct.pack(">HH", height & 0xFFFF, width & 0xFFFF) + data[at + 4 :]
    if form == "WEBP lossless":
        at = data.index(b"VP8L") + 9
        return (
            data[:at] + struct.pack("<I", (width - 1 & 0x3FFF) | (height - 1 & 0x3FFF) << 14) + data[at + 4 :]
        )
    if form == "WEBP":
        at = data.index(b"\x9d\x01\x2a") + 3
        return data[:at] + struct.pack("<HH", width & 0x3FFF, height & 0x3FFF) + data[at + 4 :]
    at = data.index(b"tkhd") + 4 + 76
    return (
        data[:at] + struct.pack(">II", width << 16 & 0xFFFFFFFF, height << 16 & 0xFFFFFFFF) + data[at + 8 :]
    )


def webp_canvas(width, height):
    """An extended WebP whose canvas is larger than its picture, and an animation in name."""
    inner = real()["WEBP"][12:]
    told = struct.pack("<B3x", 2) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + told + b"ANIM" + struct.pack("<IIH", 6, 0, 0) + inner
    return b"RIFF" + struct.pack("<I", len(body)) + body


def of_frames(count, at=b"stts"):
    """An MP4 whose tables tell so many samples."""
    data = real()["MP4"]
    found = data.index(at) + 8
    if at == b"stts":
        return data[: found + 4] + struct.pack(">I", count) + data[found + 8 :]
    return data[:found] + struct.pack(">I", count) + data[found + 4 :]


def animated(form, frames):
    stills = [Image.new("RGB", (4, 4), (each % 256, each // 256, 0)) for each in range(frames)]
    return clips.saved(stills[0], form, save_all=True, append_images=stills[1:], duration=10)


def archive(size):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.html", "<script>SECRET</script>" + "0" * size)
    return target.getvalue()


def chunk_bomb(kind, size):
    """A PNG with a packed chunk in it: text, a colour profile."""
    small = real()["PNG"]
    head = {b"zTXt": b"Comment\0\0", b"iCCP": b"icc\0\0", b"iTXt": b"Comment\0\1\0\0\0"}[kind]
    return small[:33] + clips.chunk(kind, head + zlib.compress(bytes(size), 9)) + small[33:]


def bombs():
    """Names and contents of what is small and says or becomes much."""
    for form in ("PNG", "JPEG", "WEBP", "WEBP lossless", "MP4"):
        for side in (*HUGE, 16383, 0):
            yield f"{form} of {side}", of_size(form, side, side)
    for side in (10**5, 1 << 24, 16384):
        yield f"webp canvas {side}", webp_canvas(side, side)
    for count in (10**6, 2**31, 2**32 - 1, 0):
        for table in (b"stts", b"stsz", b"stco", b"stsc"):
            yield f"mp4 {table.decode()} {count}", of_frames(count, table)
    yield "png rows", clips.bomb(10_000, 10_000, 1000)
    yield "png beyond the pixels", clips.bomb(2049, 2048, 2048)
    yield "gif of 10^5", b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0xF7, 0, 0) + bytes(768) + b";"
    yield "gif of frames", animated("GIF", 500)
    yield "apng of frames", animated("PNG", 200)
    yield "webp of frames", animated("WEBP", 100)
    for kind in (b"zTXt", b"iCCP", b"iTXt"):
        yield f"png {kind.decode()}", chunk_bomb(kind, 1 << 26)
    yield "zip", archive(1 << 24)


SCRIPT = b"<script>SECRET</script><?php SECRET ?>"


def polyglots():
    """Two things in one: a real medium, and what another program would run."""
    for form, data in real().items():
        yield f"{form}+zip", data + archive(100)
        yield f"{form}+html", data + SCRIPT
        yield f"zip+{form}", archive(100) + data
        yield f"html+{form}", b"<!doctype html>" + SCRIPT + data
        yield f"{form}+{form}", data + data
        yield f"{form} in riff", b"RIFF" + struct.pack("<I", len(data) + 4) + b"WEBP" + data
        yield f"{form} in ftyp", b"\0\0\0\x14ftypisom" + data
        yield f"{form} in ebml", b"\x1a\x45\xdf\xa3\x93\x42\x82\x84webm" + data
    mp4 = real()["MP4"]
    yield "mp4+script", struct.pack(">I4s", 8 + len(SCRIPT), b"free") + SCRIPT + mp4
    yield "mp4 script in the brand", b"\0\0\0\x40ftyp" + SCRIPT.ljust(56)[:56] + mp4
    yield (
        "jpeg comment",
        real()["JPEG"][:2] + b"\xff\xfe" + struct.pack(">H", len(SCRIPT) + 2) + SCRIPT + real()["JPEG"][2:],
    )
    for text in (
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://127.0.0.1/'/></svg>",
        b"#EXTM3U\nhttp://127.0.0.1/\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"%PDF-1.7",
        b"%!PS",
        b"MZ",
        b"\x7fELF",
        b"II*\0",
        b"BM",
        b"8BPS",
        b"\0\0\1\0",
        b"v/1\1",
        b"#?RADIANCE",
        b"id=ImageMagick",
        b"push graphic-context\n",
    ):
        yield f"other {text[:6]!r}", text + b"\0" * 100
        yield f"ftyp {text[:6]!r}", b"\0\0\0\x18ftypisom" + text


def mutated(choice):
    """A real file cut, or changed in a few bytes, or with a piece of it or of another twice."""
    form, data = choice.choice(list(real().items()))
    way = choice.randrange(5)
    at = choice.randrange(len(data))
    if way == 0:
        data = data[:at]
    elif way == 1:
        data = bytearray(data)
        for _ in range(choice.choice([1, 2, 8, 40])):
            data[choice.randrange(len(data))] = choice.choice([0, 255, 127, 128, choice.randrange(256)])
        data = bytes(data)
    elif way == 2:
        data = data[:at] + data[choice.randrange(len(data)) :]
    elif way == 3:
        data = data[:at] + choice.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff"]) + data[at + 4 :]
    else:
        other = choice.choice(list(real().values()))
        data = data[:at] + other[choice.randrange(len(other)) :]
    return f"{form} changed in way {way} at {at}", data
