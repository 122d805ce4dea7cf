"""Frames to an MP4 that every player takes: H.264, yuv420p, the index in front."""

import sys
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

CRF = 18


def encode(frames: npt.NDArray[np.uint8], fps: int, target: Path) -> None:
    """Write (t, h, w, 3) frames to a file; faststart needs a real one, it moves the index afterwards."""
    _, height, width, _ = frames.shape
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": str(CRF), "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")))
        container.mux(stream.encode())


def described(source: Path) -> str:
    """What a file really holds, counted by decoding it: `80 frames 512x512 16 fps`."""
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        count = sum(1 for _ in container.decode(stream))
        return f"{count} frames {stream.width}x{stream.height} {stream.average_rate} fps"


if __name__ == "__main__":
    print(described(Path(sys.argv[1])))
