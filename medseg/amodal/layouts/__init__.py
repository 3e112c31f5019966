"""Folders of label maps, and COCO json with amodal masks -> a cohort of objects.

``label_maps``  a folder of nothing but label maps
``instances``   a folder of a mask of each instance
``coco_masks``  polygons and run-length codes
``mfish``       M-FISH: chromosomes that overlap
``medmnist3d``  MedMNIST3D: the two sets of masks
``coco_files``  the json files of a folder that look like COCO's
``coco``        json files with amodal masks: KINS, COCOA, D2SA
"""

from medseg.amodal.layouts import coco, instances, label_maps, medmnist3d, mfish
from medseg.cohorts.layouts import Layout

LAYOUTS = {
    "label_maps": Layout(needs=label_maps.NEEDS, detect=label_maps.detect, index=label_maps.index, takes=()),
    "instances": Layout(needs=instances.NEEDS, detect=instances.detect, index=instances.index, takes=()),
    "mfish": Layout(needs=mfish.NEEDS, detect=mfish.detect, index=mfish.index, takes=()),
    "medmnist3d": Layout(needs=medmnist3d.NEEDS, detect=medmnist3d.detect, index=medmnist3d.index, takes=()),
    "coco": Layout(needs=coco.NEEDS, detect=coco.detect, index=coco.index, takes=()),
}
