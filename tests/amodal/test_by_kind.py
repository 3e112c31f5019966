from __future__ import annotations

from medseg.amodal.by_kind import kind_rows, side_by_side
from medseg.reporting.runs import load_runs

IOU, AREA, INTERVALS = "By kind of object", "Area by kind of object", "Intervals by kind of object"


def one(case: str, contact: int, pieces: int, **metrics: float) -> list[tuple]:
    values = {"contact": contact, "pieces": pieces, **metrics}
    return [(case, "", "rod", metric, value, "1") for metric, value in values.items()]


def test_means_by_kind_and_pieces_by_hand(make_run):
    rows = [
        *one("a/1", 0, 1, amodal_iou=0.9, occluded_iou=0.5, area_ratio=1.1),
        *one("a/2", 0, 2, amodal_iou=0.7, occluded_iou=0.7, area_ratio=0.9),
        *one("b/1", 0, 3, amodal_iou=0.5, occluded_iou=0.3, area_ratio=0.7),
        *one("b/2", 1, 1, amodal_iou=0.9, occluded_iou=float("nan"), area_ratio=1.3),
    ]
    frame = load_runs([make_run(rows)])
    objects, means = kind_rows(IOU)(frame)
    assert objects == {"amodal / occluded IoU": "objects", "all": "4", "overlap": "3", "overlap, 1 piece": "1",
                       "overlap, 2+": "2", "contact": "1"}  # fmt: skip
    assert means == {"amodal / occluded IoU": "soft_mean", "all": "0.7500 / 0.5000", "overlap": "0.7000 / 0.5000",
                     "overlap, 1 piece": "0.9000 / 0.5000", "overlap, 2+": "0.6000 / 0.5000",
                     "contact": "0.9000 / n/a"}  # fmt: skip
    assert list(kind_rows(AREA)(frame)[1].values())[1:] == ["1.000", "0.9000", "1.100", "0.8000", "1.300"]


def test_only_those_that_draw_have_intervals(make_run):
    covered = {"covered_50": 1.0, "covered_80": 1.0, "covered_90": 0.0}
    drawn = [*one("a/1", 0, 1, **covered), *one("a/2", 1, 1, **covered)]
    flat = [*one("a/1", 0, 1, amodal_iou=0.5), *one("a/2", 1, 1, amodal_iou=0.5)]
    text = side_by_side(load_runs([make_run(drawn, "three_stages", rivals={"visible": flat})]))
    assert [line.split("|")[1].strip() for line in text[INTERVALS].splitlines()[2:]] == ["objects", "three_stages"]
    assert text[INTERVALS].splitlines()[3].split("|")[2].strip() == "1.000 / 1.000 / 0.0000"
    assert "visible" in text[IOU] and "three_stages" not in text[IOU]


def test_one_kind_alone_and_runs_that_know_no_kinds_have_no_table(make_run):
    alone = one("a/1", 0, 1, amodal_iou=0.5)
    earlier = [("a/1", "", "rod", "amodal_iou", 0.5, "1")]
    assert side_by_side(load_runs([make_run(alone)])) == {} == side_by_side(load_runs([make_run(earlier, "pcnet")]))


def test_ordinary_maps_have_columns_of_their_own_and_no_part_in_all(make_run):
    def seen(case: str, front: int, pieces: int, value: float) -> list[tuple]:
        return [(case, "", "rod", *row, "1") for row in (("front", front), ("pieces", pieces), ("amodal_iou", value))]

    folder = make_run([*one("a/1", 0, 1, amodal_iou=0.9), *one("a/2", 1, 1, amodal_iou=0.7)])
    make_run([*seen("a/1~back", 0, 2, 0.1), *seen("a/2~front", 1, 1, 0.3)], name=f"{folder.name}/ordinary")
    _, means = kind_rows(IOU)(load_runs([folder]))
    assert {kind: cell.split(" / ")[0] for kind, cell in means.items()} == {
        "amodal / occluded IoU": "soft_mean", "all": "0.8000", "overlap": "0.9000", "contact": "0.7000",
        "back": "0.1000", "front": "0.3000"}  # fmt: skip
