import av
import numpy as np
import pytest

from worker.mp4 import described, encode


@pytest.mark.parametrize(
    ("count", "width", "height"), [(1, 16, 16), (16, 128, 128), (80, 64, 64), (2, 1280, 720), (2, 720, 1280)]
)
def test_an_mp4_of_n_frames_has_n_frames_of_their_size(tmp_path, count, width, height):
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    frames = np.broadcast_to(ramp[None, None, :, None], (count, height, width, 3))

    encode(frames, 16, tmp_path / "a.mp4")

    with av.open(str(tmp_path / "a.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", 16)
        decoded = [frame.to_ndarray(format="rgb24") for frame in video.decode(stream)]
    assert [frame.shape for frame in decoded] == [(height, width, 3)] * count
    assert np.abs(decoded[-1].astype(int) - frames[-1]).mean() < 4


def test_the_index_comes_first(tmp_path):
    encode(np.zeros((16, 64, 64, 3), np.uint8), 16, tmp_path / "a.mp4")

    content = (tmp_path / "a.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert b"moof" not in content  # one index, not fragments


def test_a_file_is_described_by_what_it_holds(tmp_path):
    encode(np.zeros((16, 64, 96, 3), np.uint8), 16, tmp_path / "a.mp4")

    assert described(tmp_path / "a.mp4") == "16 frames 96x64 16 fps"
