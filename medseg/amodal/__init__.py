"""Method two: what the occluder hides (Ling et al., NeurIPS 2020), and the rivals in the same table.

``nouns``       an object, a batch of objects in their frames, what is said of one
``layouts``     folders of label maps, and COCO json: each becomes a cohort of objects
``objects``     the objects of label maps
``occlusion``   from objects to batches: occluders drawn over them, frames around them
``shapes``      embedded data: label maps of shapes that cross
``network``     the auto-encoder, and the rival that learns
``objective``   what each stage minimises
``stages``      the three stages and their ablations, as rows
``config``      what a run is
``validation_pictures``  what is shown of validation during training
``assembly``    from a config to the parts of a run
``completion``  what a trained model says of an object: the answer, samples, how novel it looks, what lies in front
``exporting``   a trained run's answer as a program for other runtimes
``rivals``      what learns nothing
``scores``      completions against known amodal masks
``rival_scores``  ... of those that learn nothing, beside a run's
``ordinary_scores``  ... of a run on ordinary maps
``bins``        ... by how much was occluded
``by_kind``     ... by what became of the object
``pictures``    objects, completions, reconstructions, traversals
``report``      the page of an evaluated run, from its folder alone
``tracking``    what is told of an evaluation
``evaluation``  all of these, on the test cases of a run
``method``      what the verbs ask of a method

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
