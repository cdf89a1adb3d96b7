"""The manual as a site, in Chromium: every link, every anchor, on a desk and on a phone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reqord.cli import docs, main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

websocket = pytest.importorskip("websocket", reason="reason: needs websocket-client")
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
WIDTHS = {"desk": 1280, "phone": 360}


class Tab:
    """A tab of a browser without a window, driven by Chrome's DevTools protocol."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=60, suppress_origin=True)
        self._number = 0
        self._session: dict[str, str] = {}
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}

    def send(self, method: str, **params: object) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params, **self._session}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        done = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def open(self, url: str) -> None:
        assert "errorText" not in self.send("Page.navigate", url=url)
        for _ in range(1000):
            if self.ask("document.readyState + ' ' + location.href") == f"complete {url}":
                return
            time.sleep(0.02)
        pytest.fail(f"{url} didn't load")

    def resize(self, width: int) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=800, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert main(["docs", "--html", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def tab(tmp_path_factory) -> Iterator[Tab]:
    if CHROMIUM is None:
        pytest.skip("reason: there is no Chromium here: apt-get install chromium")
    profile = tmp_path_factory.mktemp("profile")
    # no sandbox: a container and root have none, and the pages are ours
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    quiet = ["--no-first-run", "--disable-background-networking", "--remote-debugging-port=0"]
    home = os.environ | {"HOME": str(profile)}
    command = [CHROMIUM, *options, *quiet, f"--user-data-dir={profile}", "about:blank"]
    browser = subprocess.Popen(
        command, env=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        opened = Tab(_address(profile / "DevToolsActivePort", browser))
        yield opened
        opened.close()
    finally:
        browser.kill()
        browser.wait()


def _address(file: Path, browser: subprocess.Popen[bytes]) -> str:
    """Where the browser listens, which it writes into a file once it does."""
    for _ in range(1200):
        if file.exists() and len(lines := file.read_text().splitlines()) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        assert browser.poll() is None, "Chromium ended at once"
        time.sleep(0.05)
    pytest.fail("Chromium didn't start in a minute")


PAGES = ["index", *(page.topic for page in docs.pages())]
LINKS = "[...document.querySelectorAll('a[href]')].map(each => each.href)"
ANCHORS = "[...document.querySelectorAll('[id]')].map(each => each.id)"
# what is wider than the page and doesn't scroll by itself
TOO_WIDE = """
[...document.querySelectorAll('body *')].filter(each =>
    each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && !each.closest('pre, table')).map(each => each.outerHTML.slice(0, 200))
"""


def test_every_link(site, tab):
    """Each link of each page leads to a page of the site, and to an anchor that is there once."""
    links: dict[str, list[str]] = {}
    anchors: dict[str, list[str]] = {}
    for name in PAGES:
        url = f"{site.as_uri()}/{name}.html"
        tab.open(url)
        links[url], anchors[url] = tab.ask(LINKS), tab.ask(ANCHORS)

    followed = {link for of_page in links.values() for link in of_page}
    assert len(followed) > len(PAGES) + 10  # and not those to the pages alone
    for link in sorted(followed):
        page, _, anchor = link.partition("#")
        if page.startswith("http"):
            continue
        assert page in links, link
        assert not anchor or anchors[page].count(anchor) == 1, link


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_width(site, tab, name, width):
    """No page is wider than the window: tables and code scroll by themselves."""
    tab.resize(width)
    tab.open(f"{site.as_uri()}/{name}.html")

    assert tab.ask(TOO_WIDE) == []
    assert tab.ask("document.documentElement.scrollWidth") <= width
    assert tab.ask("document.querySelectorAll('h1').length") == 1


def test_an_anchor_is_gone_to(site, tab):
    """A link to a heading shows that heading at the top of the window."""
    tab.resize(WIDTHS["phone"])
    tab.open(f"{site.as_uri()}/matching.html#a-miss")

    top = tab.ask("document.querySelector(':target').getBoundingClientRect().top")
    assert -1 < top < 100
