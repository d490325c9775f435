"""The report in a real browser: in light and dark, on a phone, on paper; it asks nobody for anything."""

import html
import http.server
import json
import shutil
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app.report_page import render_report
from tests.unit.app.proposal_pages import document_of, full_facts

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
LIMIT_S = 120


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser here: none of {', '.join(BROWSERS)} is installed")
    return found


@pytest.fixture(scope="module")
def page() -> str:
    given = full_facts()
    return render_report(document_of(), daily=given.daily, book=given.book)


def run(browser: str, folder: Path, *words: str) -> bytes:
    done = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--hide-scrollbars",
            f"--user-data-dir={folder / 'profile'}",
            *words,
        ],
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def shot(
    browser: str, folder: Path, page: str, *words: str, wide: int = 1000, high: int = 2000
) -> list[bytes]:
    """Return the rows of pixels that the browser paints."""
    file, picture = folder / "report.html", folder / "picture.png"
    file.write_text(page, encoding="utf-8")
    run(browser, folder, f"--window-size={wide},{high}", f"--screenshot={picture}", *words, file.as_uri())
    return rows_of(picture.read_bytes())


def rows_of(png: bytes) -> list[bytes]:
    """Decode a PNG of 8-bit colours, as browsers write them."""
    at, packed, width, channels = 8, b"", 0, 3
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, channels = struct.unpack(">I", data[:4])[0], {2: 3, 6: 4}[data[9]]
        elif kind == b"IDAT":
            packed += data
        at += length + 12
    raw, stride = zlib.decompress(packed), width * channels
    rows: list[bytes] = []
    before = bytes(stride)
    for start in range(0, len(raw), stride + 1):
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + stride]), before, channels)
        rows.append(bytes(part for place, part in enumerate(before) if place % channels < 3))
    return rows


def _unfiltered(kind: int, row: bytearray, above: bytes, step: int) -> bytes:
    for place in range(len(row)):
        left = row[place - step] if place >= step else 0
        corner = above[place - step] if place >= step else 0
        guess = left + above[place] - corner
        nearest = min((left, above[place], corner), key=lambda value: abs(guess - value))
        row[place] = (row[place] + (0, left, above[place], (left + above[place]) // 2, nearest)[kind]) % 256
    return bytes(row)


def colours(rows: list[bytes]) -> set[bytes]:
    return {row[place : place + 3] for row in rows for place in range(0, len(row), 3)}


def test_it_paints_in_light_and_in_dark(browser: str, tmp_path: Path, page: str) -> None:
    light = shot(browser, tmp_path, page, high=900)
    dark = shot(browser, tmp_path, page, "--blink-settings=preferredColorScheme=0", high=900)
    assert light[0][:3] == bytes.fromhex("fbfaf8")
    assert dark[0][:3] == bytes.fromhex("14181c")
    for rows in (light, dark):
        assert len(colours(rows)) > 50
    assert {bytes.fromhex("1b7f5c"), bytes.fromhex("b3402f")} <= colours(light)  # targets and stops


MEASURE = """<!doctype html><body>
<iframe id="phone" style="width:390px;height:800px;border:0" srcdoc="{page}"></iframe>
<output id="said"></output><script>
document.getElementById("phone").onload = function () {{
  const inside = this.contentDocument, root = inside.documentElement;
  const cell = inside.querySelector(".stacks td"), chart = inside.querySelector(".newest");
  document.getElementById("said").textContent = JSON.stringify({{
    wide: root.scrollWidth, shown: root.clientWidth, cell: getComputedStyle(cell).display,
    chart: chart.scrollWidth, label: getComputedStyle(cell, "::before").content }});
}};</script>"""


def test_on_a_phone_only_the_charts_scroll_and_the_tables_stand_as_cards(
    browser: str, tmp_path: Path, page: str
) -> None:
    file = tmp_path / "phone.html"
    file.write_text(MEASURE.format(page=html.escape(page)), encoding="utf-8")
    dom = run(browser, tmp_path, "--virtual-time-budget=5000", "--dump-dom", file.as_uri()).decode()
    told = json.loads(html.unescape(dom.split('<output id="said">')[1].split("</output>")[0]))
    assert told["wide"] == told["shown"] == 390
    assert told["cell"] == "block"
    assert "quantity" in told["label"]
    assert told["chart"] > 390


def test_it_prints(browser: str, tmp_path: Path, page: str) -> None:
    file, paper = tmp_path / "report.html", tmp_path / "report.pdf"
    file.write_text(page, encoding="utf-8")
    run(browser, tmp_path, f"--print-to-pdf={paper}", "--no-pdf-header-footer", file.as_uri())
    pages = paper.read_bytes().count(b"/Type /Page\n") or paper.read_bytes().count(b"/Type /Page ")
    assert 1 <= pages <= 3


class Listening(http.server.BaseHTTPRequestHandler):
    """Hands the page out and writes down whatever else is asked for."""

    page = b""
    asked: list[str] = []  # noqa: RUF012 - one list for all requests is what is wanted

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200 if self.path == "/report.html" else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page if self.path == "/report.html" else b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@pytest.fixture
def address(page: str) -> Iterator[str]:
    Listening.page = page.encode()
    Listening.asked.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/report.html"
        server.shutdown()
        thread.join()


def test_it_asks_for_nothing_but_itself(browser: str, tmp_path: Path, address: str) -> None:
    dom = run(browser, tmp_path, "--dump-dom", address).decode()
    assert dom.count("<svg") >= 5
    assert set(Listening.asked) <= {"/report.html", "/favicon.ico"}
