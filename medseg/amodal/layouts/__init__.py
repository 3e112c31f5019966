"""Folders of label maps, and COCO json with amodal masks -> a cohort of objects."""

from medseg.amodal.layouts import coco, label_maps
from medseg.cohorts.layouts import Layout

LAYOUTS = {
    "label_maps": Layout(needs=label_maps.NEEDS, detect=label_maps.detect, index=label_maps.index),
    "coco": Layout(needs=coco.NEEDS, detect=coco.detect, index=coco.index, writes=True),
}
