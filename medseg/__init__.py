"""medseg: segmentation from several imperfect annotators, and completion of occluded masks.

The rooms, in the order in which the data pass them:

``images``      files <-> arrays, geometry kept
``cohorts``     a folder of cases: its manifest, its splits, what is wrong in it
``annotators``  method one, whole: a true-label network and a confusion matrix per annotator
``amodal``      method two, whole: an auto-encoder of masks that completes what an occluder hides
``training``    one loop for every stage of every method
``evaluation``  metrics, and one table that says what each means
``reporting``   from scores to claims: tables, intervals, pictures, a page

``contracts`` holds the nouns they hand to one another, ``config`` the record of a claim,
``experiment`` puts the rooms together, ``__main__`` is the command line.

What other people's code needs is here by name, and imported when it is first used (``__init__.pyi`` lists it;
docs/python.md shows each name at work).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
