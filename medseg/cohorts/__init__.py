"""A folder of cases, as far as it is no method's own affair.

``names``           what cases, annotators, classes and cohorts may be called
``reading``         many files at once, and on how many threads
``spacing_text``    the length of a voxel as tables and options write it
``manifest``        manifest.csv, one row per mask: its rows, and the cases they make up
``layouts``         folders as others leave them, indexed to a cohort
``object_rules``    the section ``objects:`` of cohort.yaml: how label maps are taken apart
``people``          what is said of people: the section ``people:`` of cohort.yaml
``checking``        what is wrong in the files of a cohort
``splits``          which case is trained on, validated on, tested on
``cohort_yaml``     cohort.yaml: class names and mask values, channels, dimensions, who is an annotator, what is
                    said of him, and what is an object
``manifest_check``  what can be wrong with the rows of manifest.csv that shows without reading a pixel
``stores``          arrays that are made of files once: in memory, or in a folder
``snapshots``       what the files of a cohort hold, and whether they still do
``cohort``          manifest.csv and cohort.yaml <-> Cohort (with ``manifest``, ``manifest_check``, ``cohort_yaml``)
``seen``            which cases of a cohort a run has seen in training

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
