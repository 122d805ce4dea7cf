"""Frames to an MP4 that every player takes: H.264, yuv420p, the index in front."""

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
