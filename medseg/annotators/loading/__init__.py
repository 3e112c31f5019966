"""Annotated images -> batches on the network's grid, geometry kept.

``records``       one case on its own grid, its masks as class indices
``placement``     where a case lies on the network's grid, and the way there and back
``grid``          the grid that the network sees: a section of a config; labels on their way to it
``intensity``     how intensities reach the network: a section of a config; images on their way to the grid
``memory``        whether all cases fit, told from the headers of their files
``patches``       where training patches lie: around every class alike, and where annotators disagree
``samples``       the cases on the network's grid, each read once, in every target
``warping``       rotation, scaling and elastic deformation as one resampling
``appearance``    changes of intensities
``rand_augment``  a few changes at one magnitude
``augmentation``  random changes of training cases
``source``        samples -> batches: pure functions of (target, epoch, step, rank)
``withholding``   labels that a run does without
``partly_labelled``  labelled cases with unlabelled ones beside them, as teacher and student see these

Each may import those above it.
"""
