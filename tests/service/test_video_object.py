"""What a video tells of itself beyond the protocol, the same through both doors."""

import pytest
from google.protobuf.json_format import MessageToDict

from service.pb import videos_pb2 as pb
from tests.claims import claim
from worker.variants import Variant, preview_key

METADATA = {"shot": "12", "": "x" * 512, "k" * 64: "é"}


def over_both(http, rpc, video_id):
    """The video as REST tells it, after a comparison with gRPC."""
    video = http.get(f"/v1/videos/{video_id}").json()
    message = rpc.GetVideo(pb.GetVideoRequest(id=video_id)).video
    told = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    for name in ("task", "queue_position", "eta_seconds", "metadata", "warnings"):
        assert told.get(name) == video[name], name
    timings = video["timings"] and {
        name: value for name, value in video["timings"].items() if value is not None
    }
    assert told.get("timings") == timings
    return video


def test_metadata_comes_back_through_both_doors_and_makes_no_other_video(http, rpc, jobs):
    rest = http.post("/v1/videos", json={"prompt": "a boat", "metadata": METADATA}).json()
    grpc = rpc.CreateVideo(pb.CreateVideoRequest(prompt="a boat", metadata=METADATA)).video
    form = {"prompt": (None, "a boat"), "metadata[shot]": (None, "12"), "metadata[take]": (None, "3")}
    multipart = http.post("/v1/videos", files=form).json()

    assert over_both(http, rpc, rest["id"])["metadata"] == METADATA
    assert dict(grpc.metadata) == METADATA
    assert multipart["metadata"] == {"shot": "12", "take": "3"}
    assert "metadata" not in jobs.get(rest["id"]).spec.model_dump()
    for none in ({}, {"metadata": None}, {"metadata": {}}):
        assert http.post("/v1/videos", json={"prompt": "a boat"} | none).json()["metadata"] == {}


def test_metadata_belongs_to_the_payload_of_a_request_in_whatever_order(http):
    def post(metadata):
        fields = {"prompt": "a boat", "metadata": metadata}
        return http.post("/v1/videos", json=fields, headers={"idempotency-key": "k"})

    first = post({"a": "1", "b": "2"})

    assert post({"b": "2", "a": "1"}).json() == first.json()
    assert post({"a": "1", "b": "3"}).status_code == 422


def test_a_queued_video_tells_its_place_and_a_finished_one_its_timings(http, rpc, jobs):
    ids = [http.post("/v1/videos", json={"prompt": "a boat"}).json() for _ in range(3)]
    assert [video["queue_position"] for video in ids] == [1, 2, 3]
    first, second, third = (video["id"] for video in ids)

    job = claim(jobs, first)
    running = over_both(http, rpc, first)
    jobs.complete(job, "k", {"base": 1.5, "encode": 0.25})
    done = over_both(http, rpc, first)

    assert running["queue_position"] is None
    assert running["timings"]["queued"] >= 0
    assert (done["timings"]["base"], done["timings"]["encode"], done["timings"]["ssr"]) == (1.5, 0.25, None)
    assert [over_both(http, rpc, each)["queue_position"] for each in (second, third)] == [1, 2]
    listed = {video["id"]: video["queue_position"] for video in http.get("/v1/videos").json()["data"]}
    assert listed == {first: None, second: 1, third: 2}
    assert over_both(http, rpc, second)["timings"] is None


def test_an_estimate_is_told_once_a_like_video_was_made(http, rpc, jobs):
    job = claim(jobs, http.post("/v1/videos", json={"prompt": "a boat"}).json()["id"])
    jobs.complete(job, "k")
    other = http.post("/v1/videos", json={"prompt": "a boat", "steps": 3}).json()["id"]

    assert over_both(http, rpc, other)["eta_seconds"] is None
    jobs.cancel(other)


def test_a_negative_prompt_that_changes_nothing_is_warned_of_at_once(http, rpc):
    fields = {"prompt": "a boat", "negative_prompt": "fog"}
    unused = http.post("/v1/videos", json=fields | {"guidance_scale": 1}).json()
    used = http.post("/v1/videos", json=fields).json()

    assert [warning["code"] for warning in unused["warnings"]] == ["negative_prompt_unused"]
    assert over_both(http, rpc, unused["id"])["warnings"] == unused["warnings"]
    assert used["warnings"] == []


@pytest.mark.parametrize("end", ["cancel", "fail", None])
def test_a_preview_is_served_while_the_video_is_made_and_after(http, rpc, jobs, storage, tmp_path, end):
    video_id = http.post("/v1/videos", json={"prompt": "a boat"}).json()["id"]
    job = claim(jobs, video_id)
    tags = []
    for number in (1, 2, 3):
        key = preview_key(video_id, job.token, number)
        (tmp_path / "made").write_bytes(b"preview %d" % number)
        storage.put(key, tmp_path / "made", Variant.PREVIEW.content_type)
        jobs.preview(job, key, number)
        url = f"/v1/videos/{video_id}/content?variant=preview"
        assert http.get(url).content == b"preview %d" % number
        tags.append(http.get(url).headers["etag"])
    if end:
        {"cancel": lambda: jobs.cancel(video_id), "fail": lambda: jobs.fail(job, "c", "m")}[end]()

    chunks = rpc.DownloadVideo(pb.DownloadVideoRequest(id=video_id, variant="preview"))

    assert b"".join(chunk.chunk for chunk in chunks) == http.get(url).content == b"preview 3"
    assert len(set(tags)) == 3
    assert http.get(url, headers={"if-none-match": tags[-1]}).status_code == 304
    http.delete(f"/v1/videos/{video_id}")
    assert [path for path in (tmp_path / "videos").rglob("*") if path.is_file()] == []
