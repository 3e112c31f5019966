"""A folder of cases, as far as it is no method's own affair; in the order of the walk:

``layouts``         folders as others leave them, indexed to a cohort
``cohort``          manifest.csv and cohort.yaml <-> Cohort (with ``manifest``, ``manifest_check``, ``cohort_yaml``)
``object_rules``    the section ``objects:`` of cohort.yaml: how label maps are taken apart
``checking``        what is wrong in the files of a cohort
``reading``         many files at once, and on how many threads
``splits``          which case is trained on, validated on, tested on
"""
