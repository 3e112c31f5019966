"""The site of `make docs`: nothing to warn of, every page in it, links between pages and the names of the API."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import medseg

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_make_docs_builds_a_site_of_all_pages_without_a_warning(tmp_path: Path) -> None:
    recipe = re.search(r"^docs:.*\n\tOMP_NUM_THREADS=1 \$\(BIN\)/(.+)$", (ROOT / "Makefile").read_text(), re.M)
    assert recipe and recipe[1].endswith(" runs/site")
    words = recipe[1].removesuffix("runs/site").split()
    done = subprocess.run(
        [str(Path(sys.executable).parent / words[0]), *words[1:], str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    sources = [*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "data" / "README.md"]
    pages = {path.relative_to(ROOT).with_suffix(".html") for path in sources} | {Path("docs/api.html")}
    assert not [page for page in pages if not (tmp_path / page).is_file()]
    assert 'url=docs/README.html"' in (tmp_path / "index.html").read_text()
    contents = (tmp_path / "docs" / "README.html").read_text()
    assert all(f'href="{os.path.relpath(page, "docs")}"' in contents for page in pages - {Path("docs/README.html")})
    assert 'href="results.html#the-worlds"' in (tmp_path / "docs" / "theory.html").read_text()
    api = (tmp_path / "docs" / "api.html").read_text()
    assert not [name for name in {*medseg.__all__} - {"METRICS"} if f'id="medseg.{name}"' not in api]
