import pytest

from service.pb import videos_pb2 as pb


@pytest.fixture
def created(http):
    """Ids, oldest first."""
    return [http.post("/v1/videos", json={"prompt": f"boat {each}"}).json()["id"] for each in range(5)]


def ids(page):
    return [video["id"] for video in page["data"]]


def test_an_empty_list_is_a_list(http):
    page = http.get("/v1/videos").json()

    assert page == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


def test_the_newest_come_first_unless_asked_otherwise(http, created):
    newest, oldest = (http.get(f"/v1/videos{query}").json() for query in ("", "?order=asc"))

    assert ids(newest) == created[::-1]
    assert ids(oldest) == created
    assert (oldest["first_id"], oldest["last_id"], oldest["has_more"]) == (created[0], created[-1], False)
    assert newest["data"][0] == http.get(f"/v1/videos/{created[-1]}").json()


def test_pages_follow_each_other(http, created):
    first = http.get("/v1/videos?limit=2").json()
    http.post("/v1/videos", json={"prompt": "created between two pages"})
    second = http.get(f"/v1/videos?limit=2&after={first['last_id']}").json()
    third = http.get(f"/v1/videos?limit=2&after={second['last_id']}").json()

    assert ids(first) + ids(second) + ids(third) == created[::-1]
    assert [page["has_more"] for page in (first, second, third)] == [True, True, False]


def test_a_page_is_of_twenty_when_nothing_is_said(http):
    for _ in range(21):
        http.post("/v1/videos", json={"prompt": "a boat"})

    page = http.get("/v1/videos").json()

    assert (len(page["data"]), page["has_more"]) == (20, True)


def test_a_deleted_video_is_not_listed(http, created):
    http.delete(f"/v1/videos/{created[2]}")

    assert ids(http.get("/v1/videos?order=asc").json()) == created[:2] + created[3:]


@pytest.mark.parametrize("query", [{}, {"order": "asc"}, {"limit": 2}, {"limit": 2, "order": "asc"}])
def test_both_doors_list_the_same(http, rpc, created, query):
    for after in (None, created[2]):
        asked = query | ({"after": after} if after else {})

        page = http.get("/v1/videos", params=asked).json()
        told = rpc.ListVideos(pb.ListVideosRequest(**asked))

        assert [video.id for video in told.data] == ids(page)
        assert [video.prompt for video in told.data] == [video["prompt"] for video in page["data"]]
        for name in ("object", "first_id", "last_id", "has_more"):
            assert getattr(told, name) == page[name]
