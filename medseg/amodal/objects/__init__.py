"""Objects of label maps: what is visible of each, what may hide it, and its amodal mask where that is known.

``kinds``       what the values of a label map stand for
``regions``     connected regions of one kind each
``scene``       ... put together to objects, with what lies around them
``extraction``  what comes of a case: objects, and those that were dropped with the reason
``crops``       the crop of an object: made larger, cut, laid back onto its map
``complete``    the complete shapes that are learnt from
``pieces``      those that may be one object, and joined
``label_map``   a label map taken apart by the rules
``drawn``       a case that is one object, drawn in masks of its own
``stack``       a case of instances with a mask of all of each, which may overlap
``reading``     the objects of a case, or of a split, of a cohort with rules
``ordinary``    label maps as every segmenter gives them, without overlaps
``checking``    `medseg check`: how many there are, and why others were dropped
``growth``      where an object may grow, and the map with what grew
``seams``       what hides an object that it does not quite touch

Each may import those above it.
"""

from medseg.amodal.objects.complete import complete_objects
from medseg.amodal.objects.extraction import Dropped, Extraction
from medseg.amodal.objects.label_map import objects_of
from medseg.amodal.objects.reading import is_contact, objects_of_split, read_objects, with_contacts

__all__ = [
    "Dropped",
    "Extraction",
    "complete_objects",
    "is_contact",
    "objects_of",
    "objects_of_split",
    "read_objects",
    "with_contacts",
]
