"""Folders of label maps, and COCO json with amodal masks -> a cohort of objects."""

from medseg.amodal.layouts import coco, label_maps
from medseg.cohorts.layouts import Layout

LAYOUTS = {
    "label_maps": Layout(label_maps.NEEDS, label_maps.detect, label_maps.index),
    "coco": Layout(coco.NEEDS, coco.detect, coco.index, writes=True),
}
