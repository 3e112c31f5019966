"""A page in the Chromium of Qt: ``python qt_page.py URI [PNG]`` prints what it has become, as ``--dump-dom`` does.

Every line that the page writes into the console goes to standard error behind the word CONSOLE. PNG: a picture of the
page, 1200 pixels wide, of its first 8000.
"""

from __future__ import annotations

import os
import sys

os.environ |= {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1"}

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtWebEngineCore import QWebEnginePage
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QApplication

SETTLED_MS, PAINTED_MS = 500, 5000
"""After the load: for scripts that wait for it; until all of a long page is painted."""


class Page(QWebEnginePage):
    """One that tells what it says."""

    def javaScriptConsoleMessage(self, level: object, message: str, line: int, source: str) -> None:  # noqa: N802
        print(f"CONSOLE {level} {message} ({source}:{line})", file=sys.stderr)


def main(uri: str, picture: str | None = None) -> int:
    """0 where the page was loaded."""
    app = QApplication([])
    view = QWebEngineView()
    page = Page(view)
    view.setPage(page)
    view.resize(1200, 900)
    view.show()

    def tell(text: str) -> None:
        print(text)
        if picture:
            view.grab().save(picture)
        app.quit()

    def settle(loaded: bool) -> None:
        if not loaded:
            app.exit(1)
        page.runJavaScript("document.documentElement.scrollHeight", grow)

    def grow(height: float) -> None:
        view.resize(1200, min(int(height), 8000) if picture else 900)
        QTimer.singleShot(PAINTED_MS if picture else SETTLED_MS, lambda: page.toHtml(tell))

    page.loadFinished.connect(settle)
    page.load(QUrl(uri))
    return app.exec()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
