"""A real Chromium of this machine, by Playwright, which `make browser` installs; where there is none, a loud skip."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def executable():
    """Where the browser is: `CHROMIUM`, or what is on the path."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("NO CHROMIUM ON THIS MACHINE (apt-get install chromium): the playground is not tested")
    return found


@contextmanager
def chromium():
    """The browser, without a window."""
    path = executable()
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="NO PLAYWRIGHT (make browser): the playground is not tested"
    )
    with playwright.sync_playwright() as driver:
        sandboxed = os.geteuid() != 0  # Chromium has no sandbox for root
        browser = driver.chromium.launch(
            executable_path=path, chromium_sandbox=sandboxed, args=["--force-color-profile=srgb"]
        )
        with browser:
            yield browser


def axe_source():
    """The accessibility checker, to be run in a page."""
    axe = pytest.importorskip("axe_playwright_python")
    return (Path(axe.__file__).parent / "axe.min.js").read_text()
