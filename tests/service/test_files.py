"""Files: uploaded once, told, listed, read and deleted, through the official client and both doors."""

import hashlib
import io
import time

import grpc
import openai
import pytest

from service.errors import REFUSALS
from service.pb import files_pb2 as pb
from tests import clips

PNG = clips.picture()


@pytest.fixture
def client(http):
    """The official client; its requests go straight to the application."""
    return openai.OpenAI(base_url=f"{http.base_url}/v1", api_key="k", http_client=http, max_retries=0)


def uploading(content, purpose="vision", size=30_000, **header):
    yield pb.UploadFileRequest(header=pb.FileHeader(purpose=purpose, **header))
    for start in range(0, len(content), size):
        yield pb.UploadFileRequest(chunk=content[start : start + size])


def stored(storage):
    return sorted(str(path) for path in storage._root.rglob("*") if path.is_file())


@pytest.mark.parametrize("sent", [PNG, io.BytesIO(PNG), ("boat.jpg", PNG, "image/jpeg")])
def test_the_official_client_uploads_tells_reads_and_deletes(client, storage, sent):
    file = client.files.create(file=sent, purpose="vision")

    assert (file.object, file.status, file.purpose) == ("file", "processed", "vision")
    assert file.filename == ("boat.jpg" if isinstance(sent, tuple) else "upload")
    assert file.to_dict() | {"width": 40, "height": 30, "frames": 1, "fps": None} == file.to_dict()
    assert file.to_dict()["content_type"] == "image/png"  # by its content: a name and a type are hearsay
    assert file.expires_at - file.created_at == 30 * 24 * 3600
    assert client.files.retrieve(file.id) == file

    content = client.files.content(file.id)
    assert content.response.headers["content-type"] == "image/png"
    assert len(content.content) == file.bytes
    assert hashlib.sha256(content.content).hexdigest() == file.to_dict()["sha256"]

    deleted = client.files.delete(file.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (file.id, "file", True)
    assert stored(storage) == []
    for gone in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError) as refused:
            gone(file.id)
        assert refused.value.code == "file_not_found"


def test_a_clip_is_told_with_its_frames(client):
    file = client.files.create(file=clips.clip("libvpx-vp9", "webm", 24, rate=12), purpose="user_data")

    told = file.to_dict()
    assert (told["content_type"], told["width"], told["height"]) == ("video/webm", 64, 48)
    assert (told["frames"], told["fps"]) == (24, 12.0)


def test_the_official_client_lists_files_page_by_page_and_may_delete_while_reading(client):
    made = [client.files.create(file=PNG, purpose="vision").id for _ in range(4)]
    other = client.files.create(file=PNG, purpose="user_data").id

    assert [file.id for file in client.files.list(limit=2, order="asc")] == [*made, other]
    assert [file.id for file in client.files.list(limit=2)] == [*made, other][::-1]
    assert [file.id for file in client.files.list(limit=1, purpose="vision", order="asc")] == made
    for file in client.files.list(limit=2):
        client.files.delete(file.id)
    assert client.files.list().data == []
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.list(after="file_x")
    assert (refused.value.code, refused.value.param) == ("cursor_not_found", "after")


def test_an_expired_file_is_gone(client, redis):
    kept, passing = (client.files.create(file=PNG, purpose="vision") for _ in range(2))
    short = {"anchor": "created_at", "seconds": 3600}
    assert (made := client.files.create(file=PNG, purpose="vision", expires_after=short)).expires_at
    assert made.expires_at - made.created_at == 3600
    redis.hset(f"ciotat:file:{passing.id}", "expires_at", time.time() - 1)

    assert [file.id for file in client.files.list()] == [made.id, kept.id]
    for gone in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            gone(passing.id)


def test_another_tenants_file_does_not_exist(files, http):
    mine = http.post("/v1/files", files={"file": PNG}, data={"purpose": "vision"}).json()["id"]

    assert files.get("default", mine).id == mine
    for call in (files.get, files.delete, files.content):
        with pytest.raises(LookupError, match="does not exist"):
            call("other", mine)
    assert files.get("default", mine).id == mine


def test_both_doors_tell_the_same_file(http, rpc):
    made = rpc.UploadFile(uploading(clips.clip(noise=True, size=(96, 96)), filename="a/b/cliff.mp4")).file

    told = http.get(f"/v1/files/{made.id}").json()
    fetched = rpc.GetFile(pb.GetFileRequest(id=made.id)).file
    assert fetched == made
    assert {field.name: getattr(made, field.name) for field in made.DESCRIPTOR.fields} == told
    assert (told["filename"], told["content_type"]) == ("cliff.mp4", "video/mp4")
    (listed,) = rpc.ListFiles(pb.ListFilesRequest(purpose="vision")).data
    assert listed == made
    content = b"".join(part.chunk for part in rpc.DownloadFile(pb.DownloadFileRequest(id=made.id)))
    assert content == http.get(f"/v1/files/{made.id}/content").content
    assert rpc.DeleteFile(pb.DeleteFileRequest(id=made.id)).deleted
    assert http.get(f"/v1/files/{made.id}").status_code == 404


NOISE = clips.picture(size=(400, 400))
ALMOST = PNG + bytes(100_000 - len(PNG))
REFUSED = {
    "no file": (None, {"purpose": "vision"}, 400, "file", "invalid_value"),
    "no purpose": (PNG, {}, 400, "purpose", "invalid_value"),
    "a purpose of others": (PNG, {"purpose": "fine-tune"}, 400, "purpose", "invalid_value"),
    "too short a life": (
        PNG,
        {"purpose": "vision", "expires_after[anchor]": "created_at", "expires_after[seconds]": "60"},
        400,
        "expires_after",
        "invalid_value",
    ),
    "too long a life": (
        PNG,
        {"purpose": "vision", "expires_after[seconds]": "99999999"},
        400,
        "expires_after",
        "invalid_value",
    ),
    "an unknown field": (PNG, {"purpose": "vision", "path": "/etc"}, 400, "path", "invalid_value"),
    "no picture": (b"hello", {"purpose": "vision"}, 400, "file", "invalid_media"),
    "a bomb": (clips.bomb(99_999, 99_999), {"purpose": "vision"}, 400, "file", "invalid_media"),
    "a byte too many": (ALMOST + b"\0", {"purpose": "vision"}, 413, "file", "media_too_large"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_upload_is_kept_nowhere(http, storage, redis, tmp_path, monkeypatch, name):
    content, fields, status, param, code = REFUSED[name]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = set(tmp_path.iterdir())
    sent = {} if content is None else {"file": ("upload", content)}
    parts = {name: (None, value) for name, value in fields.items()}

    reply = http.post("/v1/files", files=parts | sent)

    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (status, param, code)
    assert param in error["message"]
    assert stored(storage) == []
    assert redis.keys("ciotat:file*") == []
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "name", ["no picture", "a bomb", "a byte too many", "a purpose of others", "no purpose"]
)
def test_both_doors_refuse_an_upload_in_the_same_words(http, rpc, storage, name):
    content, fields, _, param, code = REFUSED[name]
    error = http.post("/v1/files", files={"file": content}, data=fields).json()["error"]

    with pytest.raises(grpc.RpcError) as refused:
        rpc.UploadFile(uploading(content, **{"purpose": ""} | fields))

    refusal = next(each for each in REFUSALS.values() if each.code == code)
    assert (refused.value.code(), refused.value.details()) == (refusal.grpc, error["message"])
    assert error["param"] == param
    assert stored(storage) == []


def test_an_upload_of_exactly_the_limit_is_taken(http):
    sent = {"file": ("upload", ALMOST), "purpose": (None, "vision")}

    assert http.post("/v1/files", files=sent).status_code == 200


def test_a_chunked_upload_is_counted_too(http, storage):
    def body():
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n' + PNG
        for _ in range(120):
            yield bytes(1000)

    reply = http.post(
        "/v1/files", content=body(), headers={"content-type": "multipart/form-data; boundary=b"}
    )

    assert reply.json()["error"]["code"] == "media_too_large"
    assert stored(storage) == []


def test_text_beside_an_upload_stays_small(http):
    parts = {f"f{each}": (None, "x" * 9_000) for each in range(8)}

    error = http.post("/v1/files", files={"file": ("f", PNG), **parts}).json()["error"]

    assert error["code"] == "body_too_large"


def test_a_failed_store_leaves_no_record(http, redis, files, monkeypatch):
    from worker.storage import StorageUnavailable

    def refuse(*given):
        raise StorageUnavailable("the object store does not answer")

    monkeypatch.setattr(files._storage, "put", refuse)

    assert http.post("/v1/files", files={"file": PNG}, data={"purpose": "vision"}).status_code == 503
    assert redis.keys("ciotat:file*") == []


def test_a_stream_must_begin_with_its_header_and_go_on_with_chunks(rpc):
    chunk, header = pb.UploadFileRequest(chunk=PNG), next(uploading(PNG))

    for stream, field in (([], "header"), ([chunk], "header"), ([header, header], "chunk")):
        with pytest.raises(grpc.RpcError) as refused:
            rpc.UploadFile(iter(stream))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.value.details().startswith(f"{field}: ")


def test_a_name_is_only_a_name(http):
    for given, kept in (
        ("../../etc/passwd", "passwd"),
        ("C:\\boats\\a b.png", "a b.png"),
        ("a\x1b[31m<x>.png", "a_[31m_x_.png"),
        ("x" * 300, "x" * 255),
    ):
        sent = {"file": (given, PNG), "purpose": (None, "vision")}
        assert http.post("/v1/files", files=sent).json()["filename"] == kept
