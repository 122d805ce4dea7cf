"""What a video is made from beside words: every form of it, what is kept of it and when, and what is refused first."""

import base64
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import openai
import pytest
from PIL import Image

from model.tasks import Task
from service.media.inputs import MOST_FETCHES, Inputs
from service.outbound import Outbound, Rules
from service.pb import files_pb2
from service.pb import videos_pb2 as pb
from service.videos.videos import Videos
from tests import clips
from tests.service.outbound.servers import saying, serving
from worker.jobs import StoreUnavailable
from worker.limits import TooManyRequests
from worker.media import Medium

PHOTOGRAPH = clips.photograph(6)
CLIP = clips.clip()


def data_url(content, kind="text/plain"):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@pytest.fixture
def able(checkpoints):
    """A checkpoint that does everything: the one switch."""
    (checkpoints / "ciotat-1" / "model_index.json").write_text(json.dumps({"tasks": list(Task)}))


@pytest.fixture
def client(http):
    """The official client; its requests go straight to the application."""
    return openai.OpenAI(base_url=f"{http.base_url}/v1", api_key="k", http_client=http, max_retries=0)


def stored(storage):
    return sorted(
        str(path.relative_to(storage._root)) for path in storage._root.rglob("[!.]*") if path.is_file()
    )


AS_JSON = {"extra_headers": {"Content-Type": "application/json"}}
FORMS = {
    "a file": lambda client: {"input_reference": PHOTOGRAPH},
    "an open file": lambda client: {"input_reference": io.BytesIO(PHOTOGRAPH)},
    "a file with a false name": lambda client: {"input_reference": ("a.mp4", PHOTOGRAPH, "video/mp4")},
    "a data URL in brackets": lambda client: {
        "extra_body": {"input_reference": {"image_url": data_url(PHOTOGRAPH)}}
    },
    "a data URL in JSON": lambda client: {
        "extra_body": {"input_reference": {"image_url": data_url(PHOTOGRAPH)}}, **AS_JSON
    },
    "an id in brackets": lambda client: {
        "extra_body": {
            "input_reference": {"file_id": client.files.create(file=PHOTOGRAPH, purpose="vision").id}
        }
    },
    "an id in JSON": lambda client: {
        "extra_body": {
            "input_reference": {"file_id": client.files.create(file=PHOTOGRAPH, purpose="vision").id}
        },
        **AS_JSON,
    },
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_picture_is_refused_until_a_checkpoint_does_the_task(client, storage, queue, form):
    given = FORMS[form](client)
    before = stored(storage)

    with pytest.raises(openai.InternalServerError) as refused:
        client.videos.create(prompt="a boat", **given)

    assert (refused.value.status_code, refused.value.code) == (501, "task_not_available")
    assert refused.value.param == "input_reference"
    assert "image_to_video" in refused.value.message
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert (stored(storage), queue) == (before, [])


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_picture_is_kept_with_the_video_once_it_does(
    able, client, storage, jobs, queue, form
):
    video = client.videos.create(prompt="a boat", **FORMS[form](client))

    job = jobs.get(video.id)
    assert (queue, job.spec.task, video.to_dict()["task"]) == ([video.id], "image_to_video", "image_to_video")
    medium = job.inputs["input_reference"]
    assert (medium.content_type, medium.width, medium.height) == ("image/png", 30, 40)
    key = f"videos/{video.id}/input_reference.png"
    kept = b"".join(storage.read(key))
    assert storage.content_type(key) == "image/png"
    assert Image.open(io.BytesIO(kept)).size == (30, 40)
    assert b"SECRET" not in kept

    client.videos.delete(video.id)
    assert [each for each in stored(storage) if each.startswith("videos")] == []


def test_a_clip_means_another_task(able, client, jobs):
    video = client.videos.create(prompt="a boat", input_reference=CLIP)

    job = jobs.get(video.id)
    assert job.spec.task == "video_to_video"
    assert (job.inputs["input_reference"].frames, job.inputs["input_reference"].suffix) == (16, ".mp4")


def test_a_video_outlives_the_file_that_it_is_made_from(able, client, storage):
    file = client.files.create(file=PHOTOGRAPH, purpose="vision")
    video = client.videos.create(prompt="a", extra_body={"input_reference": {"file_id": file.id}})

    client.files.delete(file.id)

    assert stored(storage) == [f"videos/{video.id}/input_reference.png"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"input_reference": {"image_url": data_url(PHOTOGRAPH), "file_id": "file_x"}}, "one of"),
        ({"input_reference": {"image_url": data_url(b"GIF89a")}}, "not a PNG"),
        ({"input_reference": {"image_url": data_url(PHOTOGRAPH)[:-300] + "%%%%"}}, "base64"),
        ({"input_reference": {"image_url": "data:image/png;base64" + "A"}}, "data:...;base64"),
        ({"input_reference": {"image_url": "data:;base64," + "A" * 20_971_520}}, "20971520 characters"),
        ({"input_reference": {"image_url": "file:///etc/passwd"}}, "not fetched"),
        ({"input_reference": {"image_url": data_url(CLIP)}}, "must lead to a picture"),
        ({"input_reference": {"path": "/etc/passwd"}}, "one of"),
        ({"input_reference": "file_x"}, "one of"),
        ({"input_reference": []}, "one of"),
        ({"input_reference": {"image_url": data_url(PHOTOGRAPH)}, "task": "video_to_video"}, "takes a clip"),
        ({"input_reference": {"image_url": data_url(PHOTOGRAPH)}, "task": "text_to_video"}, "takes none"),
        ({"task": "extend"}, "needs a clip"),
    ],
)
def test_a_reference_that_is_none_is_refused_and_nothing_is_kept(able, http, storage, queue, fields, words):
    reply = http.post("/v1/videos", json={"prompt": "a", **fields})

    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, "input_reference")
    assert words in error["message"]
    assert (stored(storage), queue) == ([], [])


@pytest.mark.parametrize(
    "parts",
    [
        [("input_reference", ("u", PHOTOGRAPH)), ("input_reference", ("u", PHOTOGRAPH))],
        [("input_reference", ("u", PHOTOGRAPH)), ("input_reference[file_id]", (None, "file_x"))],
        [("input_reference[file_id]", (None, "file_x")), ("input_reference", ("u", PHOTOGRAPH))],
        [("input_reference[file_id]", (None, "a")), ("input_reference[file_id]", (None, "b"))],
        [("input_reference[file_id]", (None, "a")), ("input_reference[image_url]", (None, "b"))],
        [("input_reference[file_id]", ("u", PHOTOGRAPH))],
        [("mask", ("u", PHOTOGRAPH))],
    ],
)
def test_a_reference_is_given_once_and_in_one_way(able, http, storage, parts):
    reply = http.post("/v1/videos", files=[("prompt", (None, "a")), *parts])

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == parts[0][0].partition("[")[0]
    assert stored(storage) == []


def test_a_field_that_is_refused_is_refused_before_the_task(http):
    fields = {"prompt": "a", "seconds": 21, "input_reference": {"image_url": data_url(PHOTOGRAPH)}}

    assert http.post("/v1/videos", json=fields).json()["error"]["param"] == "seconds"


def test_a_reference_belongs_to_what_a_request_is_known_by(able, http, storage):
    def post(content):
        return http.post(
            "/v1/videos",
            data={"prompt": "a"},
            files={"input_reference": content},
            headers={"idempotency-key": "k"},
        )

    first, again, other = post(PHOTOGRAPH), post(PHOTOGRAPH), post(clips.photograph(1))

    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert other.status_code == 422
    assert stored(storage) == [f"videos/{first.json()['id']}/input_reference.png"]


def masked(http, mask, key=None, **fields):
    given = {"input_reference": clips.picture("JPEG"), "mask": mask}
    headers = {"idempotency-key": key} if key else {}
    return http.post("/v1/videos", data={"prompt": "a"} | fields, files=given, headers=headers)


def test_all_inputs_of_a_video_are_kept_together_and_go_together(able, http, storage, jobs):
    mask, other = clips.picture(), clips.picture(mode="L")
    made = masked(http, mask, "k").json()
    again, reused = masked(http, mask, "k"), masked(http, other, "k")

    assert made["task"] == "inpaint"
    assert jobs.get(made["id"]).inputs.keys() == {"input_reference", "mask"}
    assert again.json()["id"] == made["id"]
    assert reused.status_code == 422
    assert stored(storage) == [f"videos/{made['id']}/{field}.png" for field in ("input_reference", "mask")]
    http.delete(f"/v1/videos/{made['id']}")
    assert stored(storage) == []


def test_a_mask_of_another_size_is_refused_with_both_sizes_and_nothing_is_kept(able, http, storage, queue):
    reply = masked(http, clips.picture(size=(30, 40)))

    assert reply.status_code == 400
    assert reply.json()["error"]["message"] == "mask: 30x40 pixels, but input_reference has 40x30"
    assert (stored(storage), queue) == ([], [])


def test_a_clip_that_is_extended_is_shorter_than_what_it_is_to_become(able, http, storage):
    def extended(seconds):
        fields = {"prompt": "a", "task": "extend", "seconds": seconds}
        return http.post("/v1/videos", data=fields, files={"input_reference": CLIP})

    refused = extended("1").json()["error"]
    made = extended("2").json()

    assert refused["param"] == "input_reference"
    assert "1 seconds are to become 1; ask for more, 20 at most" in refused["message"]
    assert stored(storage) == [f"videos/{made['id']}/input_reference.mp4"]


def test_a_video_tells_the_strength_and_the_style_that_it_uses_and_no_others(able, http, checkpoints):
    (checkpoints / "ciotat-1" / "styles" / "flat").mkdir(parents=True)
    (checkpoints / "ciotat-1" / "styles" / "flat" / "config.json").touch()

    def told(files, **fields):
        video = http.post("/v1/videos", data={"prompt": "a"} | fields, files=files).json()
        return video["strength"], video["loop"], video["style"], video["style_alpha"]

    clip = {"input_reference": CLIP}
    assert told(clip) == (0.7, False, None, None)
    assert told(clip, strength="0", loop="true", style="flat") == (0, True, "flat", 0.8)
    assert told({"input_reference": PHOTOGRAPH}) == (None, False, None, None)


def test_the_input_of_a_video_that_is_not_made_goes_again(
    able, opened, jobs, storage, checkpoints, inputs, monkeypatch
):
    http, _ = opened(Videos(jobs, print, storage, checkpoints, inputs))
    for error, kept in ((LookupError("x"), 0), (StoreUnavailable("nobody knows whether it was saved"), 1)):

        def fail(*given, error=error):
            raise error

        monkeypatch.setattr(jobs, "create", fail)
        http.post("/v1/videos", data={"prompt": "a"}, files={"input_reference": PHOTOGRAPH})
        assert len(stored(storage)) == kept


def test_both_doors_take_the_same_references(able, rpc, http, jobs):
    def chunks():
        yield files_pb2.UploadFileRequest(header=files_pb2.FileHeader(purpose="vision"))
        yield files_pb2.UploadFileRequest(chunk=PHOTOGRAPH)

    file_id = rpc.UploadFile(chunks()).file.id
    for reference in (pb.InputReference(file_id=file_id), pb.InputReference(image_url=data_url(PHOTOGRAPH))):
        made = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a", input_reference=reference)).video
        assert made.task == http.get(f"/v1/videos/{made.id}").json()["task"] == "image_to_video"
        assert jobs.get(made.id).inputs["input_reference"].width == 30


def test_an_address_is_fetched_where_the_service_does_so(able, opened, jobs, storage, checkpoints, files):
    with (
        serving(saying(200, PHOTOGRAPH), "127.0.0.2") as server,
        serving(saying(200, CLIP), "127.0.0.2") as clip,
    ):
        ports = frozenset({server.port, clip.port})
        rules = Rules(True, ports, (ip_network("127.0.0.2/32"),))
        outbound = Outbound(rules, lambda host: ["127.0.0.2" if host == "e.org" else "127.0.0.1"])
        videos = Videos(jobs, print, storage, checkpoints, Inputs(files, storage, outbound))
        http, _ = opened(videos)

        def post(url):
            return http.post("/v1/videos", json={"prompt": "a", "input_reference": {"image_url": url}})

        made = post(f"http://e.org:{server.port}/a.svg").json()
        assert made["task"] == "image_to_video"
        assert jobs.get(made["id"]).inputs["input_reference"].width == 30
        for url in (
            f"http://local.example:{server.port}/",
            f"ftp://e.org:{server.port}/",
            "http://e.org/",
            f"http://e.org:{clip.port}/",
        ):
            error = post(url).json()["error"]
            assert (error["param"], error["code"]) == ("input_reference", "invalid_value")
        assert len(server.heads) == 1
        assert len(stored(storage)) == 1


def test_an_address_is_not_fetched_for_a_task_that_is_not_done(opened, jobs, storage, checkpoints, files):
    with serving(saying(200, PHOTOGRAPH), "127.0.0.2") as server:
        rules = Rules(True, frozenset({server.port}), (ip_network("127.0.0.2/32"),))
        inputs = Inputs(files, storage, Outbound(rules, lambda host: ["127.0.0.2"]))
        http, _ = opened(Videos(jobs, print, storage, checkpoints, inputs))

        reference = {"image_url": f"http://e.org:{server.port}/"}
        reply = http.post("/v1/videos", json={"prompt": "a", "input_reference": reference})

    assert (reply.status_code, server.connections) == (501, 0)


def test_silent_hosts_take_no_more_than_their_share_of_the_threads(able, storage, files):
    come, answer = threading.Semaphore(0), threading.Event()

    def hold(stream, head):
        come.release()
        answer.wait(20)
        saying(200, PHOTOGRAPH)(stream, head)

    with serving(hold, "127.0.0.2") as server, ThreadPoolExecutor(MOST_FETCHES) as pool:
        rules = Rules(True, frozenset({server.port}), (ip_network("127.0.0.2/32"),))
        inputs = Inputs(files, storage, Outbound(rules, lambda host: ["127.0.0.2"]))
        url = {"image_url": f"http://e.org:{server.port}/"}

        def keep(name):
            return inputs.reference("default", "input_reference", url).keep(name)

        held = [pool.submit(keep, f"video_{number}") for number in range(MOST_FETCHES)]
        for _ in held:
            assert come.acquire(timeout=20)
        with pytest.raises(TooManyRequests, match="image_url") as refused:
            keep("video_more")
        answer.set()
        assert [each.result(20).width for each in held] == [30] * MOST_FETCHES
        assert keep("video_later").width == 30
    assert refused.value.retry_after > 0
    assert server.connections == MOST_FETCHES + 1


@pytest.fixture
def video(client):
    return client.videos.create(prompt="a boat", seconds="2", size="1280x720", extra_body={"steps": 7}).id


def deriving(client, video, file):
    """Every way in which the official client asks for a video from a video."""
    return {
        "remix": lambda: client.videos.remix(video, prompt="a ship"),
        "edit by id": lambda: client.videos.edit(
            prompt="a ship", video=openai.omit, extra_body={"video": {"id": video}}
        ),
        "edit in JSON": lambda: client.videos.edit(
            prompt="a ship", video=openai.omit, extra_body={"video": {"id": video}}, **AS_JSON
        ),
        "edit a file": lambda: client.videos.edit(prompt="a ship", video=CLIP),
        "edit a kept file": lambda: client.videos.edit(
            prompt="a ship", video=openai.omit, extra_body={"video": {"file_id": file}}
        ),
        "extend by id": lambda: client.videos.extend(
            prompt="a ship", seconds="4", video=openai.omit, extra_body={"video": {"id": video}}
        ),
        "extend a file": lambda: client.videos.extend(prompt="a ship", seconds="4", video=CLIP),
    }


WAYS = list(deriving(None, None, None))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_a_video_from_a_video_is_refused_until_a_checkpoint_does_it(
    client, finish, video, storage, way
):
    finish(video)
    file = client.files.create(file=CLIP, purpose="user_data").id
    before = stored(storage)

    with pytest.raises(openai.InternalServerError) as refused:
        deriving(client, video, file)[way]()

    assert (refused.value.status_code, refused.value.code) == (501, "task_not_available")
    assert refused.value.param == "video"
    assert ("extend" if "extend" in way else "video_to_video") in refused.value.message
    assert stored(storage) == before


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_a_video_from_a_video_is_queued_once_it_does(
    able, client, finish, video, jobs, storage, way
):
    finish(video)
    file = client.files.create(file=CLIP, purpose="user_data").id

    made = deriving(client, video, file)[way]()

    job = jobs.get(made.id)
    assert (made.status, made.prompt) == ("queued", "a ship")
    assert job.spec.task == ("extend" if "extend" in way else "video_to_video")
    assert made.remixed_from_video_id == (None if "file" in way else video)
    kept = b"".join(storage.read(f"videos/{made.id}/video.mp4"))
    assert job.inputs["video"].bytes == len(kept)
    if "file" not in way:
        assert kept == b"".join(storage.read(jobs.get(video).video_key))
        assert (job.inputs["video"].width, job.inputs["video"].height) == (1280, 720)
        assert (made.size, job.spec.steps) == ("1280x720", 7)
        assert job.spec.seed != jobs.get(video).spec.seed
    assert made.seconds == ("4" if "extend" in way else "5" if "file" in way else "2")


@pytest.mark.parametrize(
    "body", [{"video": "x"}, {"video": {}}, {"video": {"image_url": data_url(PHOTOGRAPH)}}]
)
def test_an_edit_needs_a_video(able, http, body):
    error = http.post("/v1/videos/edits", json={"prompt": "a", **body}).json()["error"]

    assert error["param"] == "video"


def test_an_edit_of_a_picture_is_refused(able, http, storage):
    reply = http.post("/v1/videos/edits", data={"prompt": "a"}, files={"video": PHOTOGRAPH})

    assert (reply.status_code, reply.json()["error"]["param"], stored(storage)) == (400, "video", [])


def test_characters_are_not_there(http):
    for reply in (http.post("/v1/videos/characters"), http.get("/v1/videos/characters/char_1")):
        assert (reply.status_code, reply.json()["error"]["code"]) == (501, "task_not_available")


def test_a_medium_says_what_it_is():
    told = {"bytes": 1, "sha256": "x", "width": 1, "height": 1, "frames": 1, "fps": None}

    assert not Medium(content_type="image/png", **told).is_video
    assert Medium(content_type="video/webm", **told).is_video
