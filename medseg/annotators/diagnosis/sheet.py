"""The forced choice of two as a sheet for people: one HTML file that keeps their answers and needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from medseg.annotators.diagnosis.deviations import Deviations
from medseg.annotators.people.labelling import Labelling
from medseg.evaluation import foreground_box, write_table
from medseg.reporting import encoded, enlarged

SHEET, KEY = "sheet.html", "sheet_key.csv"
COLUMNS = ("sheet", "question", "group", "answer", "examples", "left", "right")
SHOWN, PER_GROUP, MOST_GROUPS = 4, 6, 6
"""Examples of a question, questions of a group, groups of a sheet."""
SIDE = 170
"""Of a picture, in px."""
ADDED, CUT = (0.95, 0.2, 0.2), (0.25, 0.5, 1.0)
DARK, FILL = 0.5, 0.7
"""So bright is the white of an image, and so much the colours hide of it."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which of two belongs to a group of which some are shown."""

    group: int
    """Index of the group."""
    examples: tuple[int, ...]
    """(SHOWN,) indices of its members that are shown."""
    left: int
    """Index of one choice,"""
    right: int
    """and of the other: a member and another, both of cases of which nothing is shown."""
    answer: Literal["left", "right"]
    """Where the member is."""


def questions_of(groups: NDArray[np.int64], shown: NDArray[np.bool_], names: Sequence[str]) -> list[Question]:
    """groups (N,) indices of ``names``; shown (N,) what may be an example. In an order that tells nothing; seeded."""
    rng, found = np.random.default_rng(0), []
    for group in range(min(len(names), MOST_GROUPS)):
        member = groups == group
        examples, inside, outside = (
            np.flatnonzero(mask) for mask in (member & shown, member & ~shown, ~member & ~shown)
        )
        if len(examples) < SHOWN or not (len(inside) and len(outside)):
            continue
        for _ in range(PER_GROUP):
            chosen = tuple(rng.choice(examples, SHOWN, replace=False).tolist())
            pair = [int(rng.choice(inside)), int(rng.choice(outside))]
            answer: Literal["left", "right"] = "left" if rng.random() < 0.5 else "right"
            left, right = pair if answer == "left" else pair[::-1]
            found.append(Question(group=group, examples=chosen, left=left, right=right, answer=answer))
    return [found[place] for place in rng.permutation(len(found))]


def write_sheet(
    folder: Path, labelling: Labelling, deviations: Deviations, questions: Sequence[Question], names: Sequence[str]
) -> Path:
    """sheet.html, and sheet_key.csv by which ``answers`` judges. names: of groups, which the sheet does not tell."""
    masks = {index for one in questions for index in (*one.examples, one.left, one.right)}
    pictures = {index: _picture(labelling, deviations, index) for index in sorted(masks)}
    shown = [
        {
            "examples": [pictures[index] for index in one.examples],
            "left": pictures[one.left],
            "right": pictures[one.right],
        }
        for one in questions
    ]
    key = base64.b64encode(json.dumps([one.answer for one in questions]).encode()).decode()
    sheet = hashlib.sha256(f"{questions}{''.join(pictures.values())}".encode()).hexdigest()[:16]
    places = FileSystemLoader(Path(__file__).parent)
    template = Environment(loader=places, autoescape=True, undefined=StrictUndefined).get_template(SHEET)
    title = f"Which belongs to them? Masks of {labelling.cohort.name}"
    (folder / SHEET).write_text(template.render(title=title, questions=shown, sheet=sheet, key=key), "utf-8")
    write_table(folder / KEY, COLUMNS, _key_rows(sheet, questions, names))
    return folder / SHEET


def _key_rows(sheet: str, questions: Sequence[Question], names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    for number, one in enumerate(questions):
        examples = " ".join(map(str, one.examples))
        yield sheet, number, names[one.group], one.answer, examples, one.left, one.right


def _picture(labelling: Labelling, deviations: Deviations, index: int) -> str:
    """What a mask adds and cuts, over the image; of a volume in the slice in which it does most, or in the largest."""
    record = labelling.record(labelling.cohort.cases[deviations.case_index[index]])
    label, annotator = int(deviations.label[index]), int(deviations.annotator[index])
    masks = np.stack([labelling.references(record)[annotator] == label, record.labels[annotator] == label])
    flat: tuple[slice | int, ...] = (slice(None), slice(None))
    if masks.ndim == 4:
        differ = (masks[0] ^ masks[1]).sum(axis=(0, 1))
        flat = (*flat, int((differ if differ.any() else masks.any(axis=0).sum(axis=(0, 1))).argmax()))
    masks, image = masks[(slice(None), *flat)], record.image[(0, *flat)]
    box = foreground_box(masks.astype(np.int8), margin=max(2, max(image.shape) // 16))
    steps = record.spacing_mm or (1.0, 1.0)
    return encoded([_tile(image[box], masks[(slice(None), *box)], steps[0] / steps[1])])


def _tile(image: NDArray[np.floating], masks: NDArray[np.bool_], aspect: float) -> NDArray[np.floating]:
    """image (H,W), masks (2,H,W) the reference and what is drawn -> (SIDE,SIDE,3), the picture in the middle."""
    low, high = np.percentile(image, [0.5, 99.5])
    grey = DARK * ((image - low) / max(high - low, 1e-6)).clip(0, 1)
    picture = np.repeat(enlarged(grey, SIDE, aspect)[..., None], 3, axis=2)
    reference, drawn = (enlarged(mask, SIDE, aspect) for mask in masks)
    for inside, colour in ((drawn & ~reference, ADDED), (reference & ~drawn, CUT)):
        picture[inside] = (1 - FILL) * picture[inside] + FILL * np.array(colour)
    picture[find_boundaries(reference, mode="inner")] = 1.0
    tile = np.zeros((SIDE, SIDE, 3))
    high, wide = picture.shape[:2]
    top, left = (SIDE - high) // 2, (SIDE - wide) // 2
    tile[top : top + high, left : left + wide] = picture
    return tile
