"""Trained runs and an image of any size -> what is believed of it on its own grid, and its files: `medseg predict`.

``windows``         an image of any size, seen by windows that overlap and blended, slab by slab
``prediction``      a model and an image of any size -> what it says everywhere in it
``predicted_maps``  a prediction -> files
``stored_maps``     maps that are too many for memory, in a file
``given_images``    images to predict -> cases with their channels, and what keeps one from being seen
``predictor``       run folders and an image -> what is believed of it, on its own grid
``unseen``          annotators of whom there is no label, told by what is said of them
``predicted_cases`` `medseg predict`: images -> files, shared by several processes
``matrices``        the learned matrices voxel by voxel, on an image's own grid
``plausible``       plausible segmentations: what annotators drawn at random would most probably write
``novelty``         how unlike those of its training a run finds an image
``further_maps``    what `medseg predict` writes if asked: matrices, samples, novelty

Each may import those above it.
"""
