"""Folders of label maps, and COCO json with amodal masks -> a cohort of objects.

``label_maps``  a folder of nothing but label maps
``coco_masks``  polygons and run-length codes
``coco``        json files with amodal masks: KINS, COCOA, D2SA
"""

from medseg.amodal.layouts import coco, label_maps
from medseg.cohorts.layouts import Layout

LAYOUTS = {
    "label_maps": Layout(needs=label_maps.NEEDS, detect=label_maps.detect, index=label_maps.index, takes=()),
    "coco": Layout(needs=coco.NEEDS, detect=coco.detect, index=coco.index, takes=()),
}
