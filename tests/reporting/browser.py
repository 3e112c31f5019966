"""What a browser makes of a page: a headless Chromium, where one is installed, else that of Qt (qt_page.py)."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QT = find_spec("PySide6") is not None and find_spec("PySide6.QtWebEngineWidgets") is not None
needs_browser = pytest.mark.skipif(
    CHROMIUM is None and not QT, reason="no Chromium is installed (make browser, or apt-get install chromium)"
)
"""Of a test that opens a page."""

ASKING = """<script>addEventListener("load", () => {
  const shown = () => [...document.querySelectorAll("figure img:not([hidden])")].map(img => img.dataset.slice);
  const images = [...document.images];
  const found = {widths: images.map(img => img.naturalWidth), before: shown(), title: document.title};
  found.sliders = [...document.querySelectorAll("figure input")].filter(slider => !slider.hidden).length;
  for (const slider of document.querySelectorAll("figure input")) {
    slider.value = slider.max;
    slider.dispatchEvent(new Event("input"));
  }
  found.after = shown();
  found.said = [...document.querySelectorAll("output")].map(output => output.value);
  const scrolled = () => {
    const wheel = () => new WheelEvent("wheel", {deltaY: -100, bubbles: true, cancelable: true});
    return [...document.querySelectorAll(".strip")].map(strip => strip.dispatchEvent(wheel()));
  };
  found.scrolled = scrolled();
  document.querySelector(".strip")?.click();
  found.leafed = scrolled();
  found.by_wheel = shown();
  found.fetched = performance.getEntriesByType("resource").map(each => each.name.slice(0, 40));
  const told = document.createElement("pre");
  told.id = "told";
  told.textContent = JSON.stringify(found);
  document.body.append(told);
});</script>"""


def opened(page: Path, folder: Path, asking: str = ASKING) -> dict[str, Any]:
    """Open a copy of a page, alone in a new folder; by default drag every slider to its end, then turn the wheel back
    on every case, once as the page lies there, once after a click on the first case.

    asking: a script that writes JSON into an element ``told``. Keys of the default: widths of all images in their own
    pixels, how many sliders are seen, the slices shown before and after, what the sliders say, whether the page itself
    scrolled at each case on the first turn and on the second, the slices shown then, what was fetched; and always
    ``console``: every line that the page wrote there.
    """
    folder.mkdir()
    copy = folder / "page.html"
    copy.write_text(page.read_text("utf-8").replace("</body>", asking + "</body>"), "utf-8")
    done = subprocess.run(_command(copy.as_uri(), folder / "browser"), capture_output=True, text=True, timeout=120)
    (told,) = re.findall(r'<pre id="told">(.*?)</pre>', done.stdout, re.S)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(told)) | {"console": console}


def _command(uri: str, profile: Path) -> list[str]:
    """Prints the page as scripts have left it, and its console to standard error."""
    if CHROMIUM is None:
        return [sys.executable, str(Path(__file__).with_name("qt_page.py")), uri]
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    return [CHROMIUM, *words, "--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom", uri]
