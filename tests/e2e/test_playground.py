"""The playground in a real Chromium, with a key, on a real stack; pictures of what was seen go to var/playground."""

import json
import re
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.browser.chromium import axe_source, chromium
from tests.e2e.balancer import Balancer
from tests.e2e.test_keys import made
from tests.e2e.test_tasks import CLOSE, FAR, LEFT, OTHER, PIXELS, apart, frames_of, png

pytestmark = pytest.mark.slow

SEEN = Path(__file__).parents[2] / "var" / "playground"
READY = 60_000  # milliseconds for a tiny video, on a busy machine
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1360, "height": 900}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def key(keyed):
    return made(keyed.data, "playground")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "boat.png").write_bytes(png(PIXELS))
    (folder / "other.png").write_bytes(png(OTHER))
    SEEN.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def api(keyed, key):
    with httpx2.Client(base_url=keyed.address, headers={"authorization": f"Bearer {key}"}) as http:
        yield http


class Playground:
    """A page, as one who uses it sees it."""

    def __init__(self, browser, address, **options):
        self.context = browser.new_context(**{"viewport": DESK, "color_scheme": "light"} | options)
        self.context.add_init_script("localStorage.setItem('ciotat.model', 'able')")
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.context.new_page()
        self.faults = []
        self.page.on("pageerror", lambda fault: self.faults.append(str(fault)))
        self.page.on("console", lambda said: self.faults.append(said.text) if "Policy" in said.text else None)
        self.page.goto(address)

    def open(self, key):
        """Give the key that is asked for."""
        self.page.wait_for_selector("#key-dialog[open]")
        self.page.fill("#key", key)
        self.page.press("#key", "Enter")
        self.page.wait_for_selector("#tab-cinemagraph[aria-disabled=false]")
        return self

    def small(self, task, prompt="a boat", **values):
        """A task, and the smallest video of it; what is not shown is left alone."""
        self.page.click(f"#tab-{task}")
        self.page.fill("#prompt", prompt)
        self.page.evaluate("document.getElementById('advanced').open = true")
        for name, value in {"size": "128x128", "seconds": 1, "steps": 2, **values}.items():
            field = self.page.locator(f"#{name}")
            if field.is_visible():
                field.select_option(value) if name in ("size", "style") else field.fill(str(value))

    def make(self, api):
        """Make it, and wait; what the API tells of the video, and its frames."""
        before = self.page.evaluate("location.hash")
        self.page.click("#create")
        self.page.wait_for_function("(before) => location.hash && location.hash !== before", arg=before)
        self.page.wait_for_selector("#download", timeout=READY)
        return self.shown(api)

    def shown(self, api):
        video_id = self.page.evaluate("location.hash").removeprefix("#")
        content = api.get(f"/v1/videos/{video_id}/content", follow_redirects=True).content
        return api.get(f"/v1/videos/{video_id}").json(), frames_of(content)

    def source(self, file, field="input_reference"):
        self.page.set_input_files(f"#{field}-file", file)
        self.page.wait_for_selector(f"[data-field={field}] .given-name")

    def picture(self, name):
        self.page.screenshot(path=SEEN / f"{name}.png", full_page=True)

    def copied(self):
        return self.page.evaluate("navigator.clipboard.readText()")

    def check_accessible(self):
        """Nothing serious for those who cannot see it, or not well."""
        self.page.evaluate(axe_source())
        self.page.wait_for_timeout(250)  # colours that change slowly
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        serious = [fault for fault in found if fault["impact"] in SERIOUS]
        told = [(fault["id"], [node["html"][:150] for node in fault["nodes"]]) for fault in serious]
        assert told == []


@pytest.fixture(scope="module")
def playground(browser, keyed, key, pictures):
    """One page for all tasks, which so are in its history."""
    playground = Playground(browser, keyed.address).open(key)
    yield playground
    assert playground.faults == []
    playground.context.close()


@pytest.fixture(scope="module")
def first(playground, api):
    """A video of words alone."""
    playground.small("text_to_video")
    playground.page.click(".chip >> nth=1")
    return playground.make(api)


def test_words_become_a_video_that_can_be_gone_through_frame_by_frame(playground, first, api):
    page, (video, frames) = playground.page, first
    page.wait_for_function("() => document.querySelector('video').videoWidth === 128")
    page.wait_for_function("() => document.querySelector('.film canvas').width > 300")

    assert video["task"] == "text_to_video"
    assert video["prompt"] == "an octopus circling slowly on a teal background"
    page.click("#play")
    page.fill("#frame", "4")
    page.click("#frame-on")
    page.focus("#stage")
    page.keyboard.press(".")
    assert page.inner_text("#frame-told") == "7 / 16"
    page.wait_for_function("() => Math.floor(document.querySelector('video').currentTime * 16) === 6")
    page.click("#repeat")
    assert page.evaluate("document.querySelector('video').loop") is False
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == f"{video['id']}.mp4"
    assert (frames_of(Path(download.value.path()).read_bytes()) == frames).all()
    page.mouse.move(0, 0)
    playground.picture("result")
    playground.check_accessible()


def test_what_is_copied_makes_the_same_video_elsewhere(playground, first, api, keyed, key, tmp_path):
    page, (video, frames) = playground.page, first
    environment = {"CIOTAT_API_KEY": key, "PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "ignore"}
    page.click("#copy-curl")
    page.wait_for_function("() => document.getElementById('toast').textContent.includes('copied')")
    command = playground.copied()
    page.click("#copy-python")
    page.wait_for_function("() => document.getElementById('toast').textContent.includes('Python')")
    program = playground.copied()

    assert key not in command + program
    by_curl = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    again = json.loads(by_curl.stdout)
    api.delete(f"/v1/videos/{again['id']}")
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=tmp_path, check=True)

    same = ("model", "prompt", "size", "seconds", "seed", "steps", "guidance_scale", "task")
    assert [again[each] for each in same] == [video[each] for each in same]
    assert (frames_of((tmp_path / "video.mp4").read_bytes()) == frames).all()


def test_a_picture_is_the_first_frame(playground, api, pictures):
    playground.small("image_to_video")
    playground.source(pictures / "boat.png")

    video, frames = playground.make(api)

    assert video["task"] == "image_to_video"
    assert apart(frames[0][LEFT], PIXELS[LEFT]) < CLOSE


def painted(page):
    """Of which shares of its width and height the mask has paint, and how much of it in all."""
    return page.evaluate("""() => {
        const { width, height } = document.getElementById("mask");
        const { data } = document.getElementById("mask").getContext("2d").getImageData(0, 0, width, height);
        const at = (x, y) => data[4 * (Math.floor(y * height) * width + Math.floor(x * width)) + 3] > 127;
        let all = 0;
        for (let each = 3; each < data.length; each += 4) all += data[each] > 127;
        return { left: at(0.25, 0.5), right: at(0.75, 0.5), share: all / (width * height) };
    }""")


def brushed(page, x, first=0.0, last=1.0):
    """A stroke from above to below at this share of the width."""
    page.locator("#mask").scroll_into_view_if_needed()
    box = page.locator("#mask").bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + first * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + last * box["height"] - 1, steps=4)
    page.mouse.up()


def test_what_the_brush_paints_is_made_anew_and_nothing_else(playground, api, pictures):
    page = playground.page
    playground.small("inpaint", "a car")
    playground.source(pictures / "boat.png")
    page.fill("#brush", "40")

    brushed(page, 0.25)
    assert (painted(page)["left"], painted(page)["right"]) == (True, False)
    page.click("#mask-invert")
    assert (painted(page)["left"], painted(page)["right"]) == (False, True)
    page.click("#mask-undo")
    page.click("#mask-brush")
    brushed(page, 0.25, 0.3, 0.7)
    assert not painted(page)["left"]
    page.click("#mask-undo")
    assert painted(page)["left"]
    page.click("#mask-clear")
    assert painted(page)["share"] == 0
    page.click("#mask-brush")
    for x in (0.7, 0.8, 0.95):  # its right half, with a margin
        brushed(page, x)
    playground.picture("inpaint")
    playground.check_accessible()
    video, frames = playground.make(api)

    assert video["task"] == "inpaint"
    assert apart(frames[LEFT], PIXELS[LEFT]) < CLOSE
    assert apart(frames[8:, 8:120, 88:120], PIXELS[8:120, 88:120]) > FAR


def test_two_pictures_have_something_between_them(playground, api, pictures):
    playground.small("interpolate")
    playground.source(pictures / "boat.png")
    playground.source(pictures / "other.png", "last_frame")

    video, frames = playground.make(api)

    assert video["task"] == "interpolate"
    assert apart(frames[0], PIXELS) < CLOSE
    assert apart(frames[-1], OTHER) < CLOSE


def test_a_style_a_loop_and_a_locked_seed_are_asked_for(playground, api):
    page = playground.page
    seed = str(2**62 + 1)  # more than a number of JavaScript holds
    playground.small("stylize", style_alpha=0.5)
    page.fill("#seed", seed)
    page.check("#loop")

    video, _ = playground.make(api)
    page.click("#use")

    assert (video["task"], video["style"], video["style_alpha"], video["loop"]) == (
        "stylize",
        "flat",
        0.5,
        True,
    )
    assert str(video["seed"]) == page.input_value("#seed") == seed
    assert seed in page.inner_text(".facts")
    page.click("#seed-dice")
    assert page.input_value("#seed") != seed
    page.click("#seed-lock")
    assert page.get_attribute("#seed-lock", "aria-pressed") == "false"
    page.uncheck("#loop")


def test_an_earlier_video_is_remixed_and_extended(playground, first, api):
    page, (source, frames) = playground.page, first
    page.click(f"#open-{source['id']}")
    page.click("#remix", timeout=READY)
    page.wait_for_selector("#source .given-name")
    assert page.is_hidden("#size")
    page.fill("#strength", "0")
    remixed, same = playground.make(api)
    page.click(f"#open-{source['id']}")
    page.click("#extend", timeout=READY)
    page.wait_for_selector("#source .given-name")
    page.fill("#seconds", "2")
    extended, longer = playground.make(api)

    assert (remixed["task"], remixed["remixed_from_video_id"]) == ("video_to_video", source["id"])
    assert apart(same, frames) < CLOSE
    assert (extended["task"], extended["remixed_from_video_id"], len(longer)) == ("extend", source["id"], 32)
    assert apart(longer[:16], frames) < CLOSE


def test_two_results_are_compared_side_by_side_and_the_list_forgets(playground, first):
    page = playground.page
    ids = page.evaluate("JSON.parse(localStorage.getItem('ciotat.history')).map(({ id }) => id)")
    for video_id in ids[:2]:
        page.click(f"#compare-{video_id}")
    page.wait_for_selector(".screens.two video >> nth=1")
    page.wait_for_selector(".differences")
    page.wait_for_function(
        "() => [...document.querySelectorAll('video')].every(({ readyState }) => readyState > 1)"
    )
    page.fill("#frame", "20")
    times = page.evaluate("[...document.querySelectorAll('video')].map(({ currentTime }) => currentTime)")

    assert times == [20.5 / 16, 15.5 / 16]  # one has 32 frames, the other 16, and stays at its last
    playground.picture("compare")
    playground.check_accessible()
    page.click(f"#forget-{ids[0]}")
    assert page.locator(f"#open-{ids[0]}").count() == 0
    page.reload()
    assert page.locator("#shelf li").count() == len(ids) - 1
    assert "Bearer" not in page.evaluate("JSON.stringify(localStorage)")
    assert page.evaluate("Object.keys(sessionStorage)") == ["ciotat.key"]


def test_a_refusal_is_shown_beside_its_field_in_the_words_of_the_api(playground, api, first):
    page = playground.page
    page.wait_for_selector("#tab-extend[aria-disabled=false]")
    playground.small("text_to_video", " ")
    page.click("#create")
    page.wait_for_selector("#fault-prompt")
    assert page.evaluate("document.activeElement.id") == "prompt"
    assert page.get_attribute("#prompt", "aria-invalid") == "true"
    page.fill("#prompt", "a boat")
    assert page.locator("#fault-prompt").count() == 0
    page.fill("#seed", str(2**63))
    page.click("#create")
    said = api.post("/v1/videos", json={"prompt": "a boat", "seed": 2**63}).json()["error"]["message"]
    assert page.inner_text("#fault-seed").lower() == said.lower()
    playground.picture("fault")
    playground.check_accessible()
    page.fill("#seed", "")
    page.click("#tab-extend")
    page.click("#create")
    assert "extend needs a clip" in page.inner_text("#fault-input_reference").lower()
    page.select_option("#input_reference-earlier", first[0]["id"])
    page.wait_for_selector("#source .given-name")
    page.fill("#seconds", "1")
    page.click("#create")  # whose route calls the clip `video`
    page.wait_for_selector("#fault-input_reference >> text=1 seconds are to become 1")
    page.click("#source .given button")
    page.select_option("#model", "truncated")
    assert page.get_attribute("#tab-extend", "aria-disabled") == "true"
    page.click("#tab-extend", force=True)  # it can be pressed, to be told why
    assert "truncated does not do this" in page.inner_text("#toast")
    page.select_option("#model", "able")


class Cut(Balancer):
    """Passes on to one server, and can lose all connections."""

    def __init__(self, address):
        super().__init__(address)
        self._ends = []

    def _connected(self):
        end = super()._connected()
        self._ends.append(end)
        return end

    def cut(self):
        for end in self._ends:
            end.close() if end.fileno() < 0 else end.shutdown(2)
        self._ends.clear()


def test_a_long_one_shows_itself_early_outlives_a_lost_stream_and_is_cancelled(browser, keyed, key, pictures):
    with Cut(keyed.address) as line:
        playground = Playground(browser, line.url).open(key)
        page, asked = playground.page, []
        page.on("request", lambda request: asked.append(request.url))
        playground.small("text_to_video", seconds=5, steps=100)
        page.click("#create")
        page.wait_for_selector("img.preview:visible", timeout=READY)  # while it is made
        page.wait_for_function(
            "() => document.getElementById('standing').textContent.startsWith('Making it')"
        )
        playground.picture("making")
        playground.check_accessible()
        told = page.inner_text("#standing")

        with page.expect_request(lambda each: "last-event-id" in each.headers, timeout=READY) as resumed:
            line.cut()
        page.wait_for_function(
            "(told) => document.getElementById('standing').textContent !== told", arg=told, timeout=READY
        )
        page.route("**/events", lambda route: route.abort())  # from now on no stream gets through
        line.cut()
        page.wait_for_function(
            "() => document.getElementById('how').textContent.includes('every two')", timeout=READY
        )
        page.click("#cancel")
        page.wait_for_selector("text=It was ended before it was ready", timeout=READY)

        assert resumed.value.url.endswith("/events")
        assert [url for url in asked if not url.startswith((line.url, "blob:"))] == []
        assert playground.faults == []
        playground.context.close()


def test_a_keyboard_is_enough(browser, keyed, key, pictures, api):
    playground = Playground(browser, keyed.address).open(key)
    page, keys = playground.page, playground.page.keyboard
    page.on("filechooser", lambda chooser: chooser.set_files(pictures / "boat.png"))

    def tab_to(selector, most=30):
        for _ in range(most):
            if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
                return
            keys.press("Tab")
        raise AssertionError(f"Tab does not lead to {selector}")

    page.reload()  # so that it begins at the beginning
    page.wait_for_selector("#tab-cinemagraph[aria-disabled=false]")
    keys.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    tab_to("#tab-text_to_video")
    for _ in range(3):
        keys.press("ArrowRight")
    assert page.get_attribute("#tab-cinemagraph", "aria-selected") == "true"
    tab_to("#input_reference-file")
    keys.press("Enter")
    page.wait_for_selector("#mask:visible")
    tab_to("#mask")
    for pressed in (
        ("]",) * 13 + ("ArrowRight",) * 2 + ("Space",) + ("ArrowUp",) * 3 + ("ArrowDown",) * 6 + ("Space",)
    ):
        keys.press(pressed)
    assert painted(page)["right"]
    assert not painted(page)["left"]
    playground.picture("keyboard")
    tab_to("#prompt")
    keys.type("water")
    for field in ("#size", "#seconds", "summary", "#steps"):
        tab_to(field)
        keys.press("Enter" if field == "summary" else "Home")
    keys.press("Control+Enter")
    page.wait_for_selector("#download", timeout=READY)
    tab_to("#frame-on")
    keys.press("Enter")

    video, frames = playground.shown(api)
    assert video["task"] == "cinemagraph"
    assert apart(frames[-1][LEFT], PIXELS[LEFT]) < CLOSE
    assert apart(frames[8:, 40:88, 100:120], PIXELS[40:88, 100:120]) > FAR
    assert playground.faults == []
    playground.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_light_and_dark(browser, keyed, key, pictures, first, playground, scheme):
    told = playground.page.evaluate("localStorage.getItem('ciotat.history')")
    phone = Playground(browser, keyed.address, viewport=PHONE, color_scheme=scheme, has_touch=True).open(key)
    page = phone.page
    page.evaluate("(told) => localStorage.setItem('ciotat.history', told)", told)
    page.goto(f"{keyed.address}/#{first[0]['id']}")
    page.reload()
    page.wait_for_selector("#download")
    for task in page.evaluate("[...document.querySelectorAll('[role=tab]')].map((tab) => tab.dataset.task)"):
        page.tap(f"#tab-{task}")
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], task
    page.tap("#tab-cinemagraph")
    phone.source(pictures / "boat.png")
    phone.picture(f"phone-{scheme}")
    phone.check_accessible()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", ground)[:3])) > 384

    assert light == (scheme == "light")
    other = {"light": "dark", "dark": "light"}[scheme]
    for _ in range(("light", "dark").index(other) + 1):
        page.tap("#theme")
    page.reload()
    assert page.get_attribute("html", "data-theme") == other
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
    assert phone.faults == []
    phone.context.close()


def test_a_key_that_is_not_good_is_asked_for_again(browser, keyed, key, pictures):
    playground = Playground(browser, keyed.address)
    page = playground.page
    page.wait_for_selector("#key-dialog[open]")
    playground.picture("key")
    playground.check_accessible()
    page.fill("#key", "ciotat_wrong")
    page.press("#key", "Enter")
    page.wait_for_selector("#fault:visible")
    assert "unknown or was revoked" in page.inner_text("#fault")
    page.click("#key-open")
    page.fill("#key", key)
    page.press("#key", "Enter")
    page.wait_for_selector("#tab-text_to_video[aria-selected=true]")
    assert page.is_hidden("#fault")
    playground.context.close()
