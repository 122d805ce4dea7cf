"""Real pictures and clips, good ones and hostile ones, made when asked for."""

import io
import struct
import zlib

import av
import numpy as np
from PIL import Image

ORIENTATION, GPS = 0x0112, 0x8825


def picture(form="PNG", size=(40, 30), mode="RGB", **options):
    """A gradient, so that its corners can be told apart."""
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    image = Image.fromarray(pixels).convert(mode)
    if mode.endswith("A"):
        image.putalpha(128)
    return saved(image, form, **options)


def saved(image, form, **options):
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def photograph(orientation, size=(40, 30)):
    """A JPEG as a telephone makes it: lying on its side, and telling where it was taken."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(GPS)[1], exif.get_ifd(GPS)[2] = "N", (43.0, 10.0, 24.0)
    return picture("JPEG", size, exif=exif, quality=95, comment=b"SECRETCOMMENT")


def animation(form="PNG", frames=3):
    stills = [Image.new("RGB", (8, 8), (80 * each, 0, 0)) for each in range(frames)]
    return saved(stills[0], form, save_all=True, append_images=stills[1:], duration=100)


def clip(codec="libx264", form="mp4", frames=16, size=(64, 48), rate=16, metadata=None, noise=False):
    target = io.BytesIO()
    options = {"movflags": "use_metadata_tags"} if form == "mp4" else {}
    with av.open(target, "w", format=form, options=options) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=rate, options={"preset": "12"} if "svt" in codec else {})
        stream.width, stream.height = size
        stream.pix_fmt = "rgb24" if codec == "gif" else "yuv420p"
        for each in range(frames):
            pixels = np.full((size[1], size[0], 3), each * 37 % 256, np.uint8)
            if noise:
                pixels = np.random.default_rng(each).integers(0, 255, pixels.shape, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


def faststart(data):
    """The same MP4 with its index in front, so that it can be read as far as it goes."""
    moov = data.rindex(b"moov") - 4
    mdat = data.index(b"mdat") - 4
    index = bytearray(data[moov:])
    table = index.index(b"stco")
    (count,) = struct.unpack_from(">I", index, table + 8)
    for each in range(count):
        at = table + 12 + 4 * each
        struct.pack_into(">I", index, at, struct.unpack_from(">I", index, at)[0] + len(index))
    return data[:mdat] + bytes(index) + data[mdat:moov]


def rotated(data):
    """The same MP4, to be shown turned by a quarter."""
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    at = data.index(upright, data.index(b"tkhd"))
    return data[:at] + turned + data[at + len(upright) :]


def sound():
    """An MP4 in which there is nothing to see."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return target.getvalue()


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def bomb(width, height, rows=0):
    """A PNG that says it is so large, with so many rows of zeros behind it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes((1 + 3 * width) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def text_bomb():
    """A PNG with half a gigabyte of text in it, packed into half a megabyte."""
    text = b"Comment\0\0" + zlib.compress(b"\0" * (1 << 29), 9)
    small = picture()
    return small[:33] + chunk(b"zTXt", text) + small[33:]
