"""From files to batches, geometry kept; in the order of the walk:

``layouts``     folders as others leave them, indexed to a cohort
``cohort``      manifest.csv and cohort.yaml <-> Cohort (with ``manifest``, ``manifest_check``, ``header``, ``rules``)
``splits``      which case is trained on, validated on, tested on
``volume``      image files <-> array, affine and spacing (with ``pictures``, ``scans``, ``geometry``)
``checking``    what is wrong in the files of a cohort
``loading``     method one: annotated images -> batches (with ``transforms``, ``consensus``)
``objects``     method two: label maps -> objects
``occlusion``   ... hidden, each in its frame -> batches
``simulation``  annotators with known error, and embedded data
"""
