"""The pages: every link leads somewhere, every command can be typed, the SwinUNETR of docs/swin_unetr.md learns."""

from __future__ import annotations

import contextlib
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.main import get_command

from medseg.__main__ import app
from medseg.experiment.methods import load_config

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), ROOT / "data" / "README.md", *(ROOT / "docs").glob("**/*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> list[list[str]]:
    """The words of every command of a page, in blocks without a language and in code within a line."""
    text = page.read_text()
    blocks = "\n".join(body for language, body in BLOCK.findall(text) if not language)
    inline = "\n".join(re.findall(r"`([^`\n]+)`", BLOCK.sub("", text)))
    lines = blocks.replace("\\\n", " ").splitlines() + inline.splitlines()
    parts = [part for line in lines for part in re.split(r"&&|; (?:do |done)", line)]
    found = [shlex.split(part, comments=True) for part in parts if re.match(r"\s*(medseg|python) \S", part)]
    return [words for words in found if len(words) > 2]


def exit_status(words: list[str], folder: Path) -> object:
    """Of a command whose verb does nothing, in a folder where every path that it names is a folder: 2 for bad words."""
    for word in words[1:]:
        if not word.startswith("--"):
            (folder / word).mkdir(parents=True, exist_ok=True)
    group: Any = get_command(app)
    for command in group.commands.values():
        command.callback = lambda **_: None
    with contextlib.chdir(folder), pytest.raises(SystemExit) as left:
        group.main(args=words)
    return left.value.code


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(BLOCK.sub("", page.read_text())):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


def test_the_list_of_pages_has_them_all() -> None:
    listed = {(ROOT / "docs" / target).resolve() for target in LINK.findall((ROOT / "docs" / "README.md").read_text())}
    assert listed >= {page.resolve() for page in PAGES} - {ROOT / "docs" / "README.md", ROOT / "README.md"}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_command_can_be_typed(page: Path, tmp_path: Path) -> None:
    for program, first, *rest in commands(page):
        if program == "medseg":
            assert exit_status([first, *rest], tmp_path) == 0, [first, *rest]
        else:
            assert (ROOT / first).is_file(), first
            options = {word for word in rest if word.startswith("--")}
            assert not [option for option in options if f'"{option}"' not in (ROOT / first).read_text()], options
        config = next((word for word in rest + [first] if word.startswith("configs/")), None)
        if config is not None:
            given = [word for before, word in pairwise([first, *rest]) if before not in ("--vary", "--slurm")]
            overrides = [word for word in given if re.match(r"[a-z_.]+=", word)]
            varied = [word for before, word in pairwise([first, *rest]) if before == "--vary"]
            for key, _, values in (word.partition("=") for word in varied):
                overrides.extend(f"{key}={value}" for value in values.split(",")[:1])
            load_config(ROOT / config, overrides)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("predict RUN --images DIR --out DIR", 0),
        ("predict RUN --pictures DIR --out DIR", 2),
        ("predict RUN --images DIR", 2),
        ("complete RUN --labels DIR --out DIR --samples many", 2),
        ("foretell RUN", 2),
    ],
)
def test_a_wrong_command_is_found(command: str, status: int, tmp_path: Path) -> None:
    assert exit_status(shlex.split(command), tmp_path) == status


def test_readme_is_for_a_stranger() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 120 and len(re.findall(r"^!\[", text, re.M)) == 2
    tree = next(body for _, body in BLOCK.findall(text) if body.startswith("medseg/"))
    rooms = {path.name for path in (ROOT / "medseg").iterdir() if path.suffix in {"", ".py"} and path.stem[0] != "."}
    listed = set(re.findall(r"^  (\w+)(?:/|\.py)? ", tree, re.M))
    assert listed == {room.removesuffix(".py") for room in rooms} - {"__pycache__"}


def test_the_swin_unetr_learns_its_annotators() -> None:
    """A tiny run of the page: the loss falls, and the annotator who is wrong in a fifth of the voxels is found out."""
    text = (ROOT / "docs" / "swin_unetr.md").read_text()
    data, loop = (body for language, body in BLOCK.findall(text) if language == "python")
    assert len([line for line in loop.splitlines() if line.strip()]) <= 36
    for there, tiny in (("300, 100, 4", "40, 15, 2"), ("feature_size=12,", "feature_size=12, depths=(1, 1, 1, 1),")):
        assert loop.count(there) == 1
        loop = loop.replace(there, tiny)
    threads, names = torch.get_num_threads(), {}
    torch.set_num_threads(1)
    exec(compile(data + loop, "swin_unetr.md", "exec"), names)
    torch.set_num_threads(threads)
    losses, learned = names["losses"], names["learned"]
    assert sum(losses[:5]) > 1.2 * sum(losses[-5:])
    torch.testing.assert_close(learned.sum(dim=1), torch.ones(3, 2))
    wrong = 1 - learned.diagonal(dim1=1, dim2=2)  # (A,T); all .0025 in the beginning
    assert (wrong[2] > 0.01).all() and wrong[2].mean() > 1.5 * wrong[0].mean()  # errors anywhere
    assert wrong[1, 0] > 0.01 > 0.0025 > wrong[1, 1]  # too large: writes object on background, misses nothing
