"""medseg: segmentation from several imperfect annotators, and completion of occluded masks.

The rooms, in the order in which the data pass them:

``data``        from files to batches, geometry kept
``annotators``  method one: a true-label network and a confusion matrix per annotator
``amodal``      method two: an auto-encoder of masks that completes what an occluder hides
``training``    one loop for every stage of every method
``evaluation``  predictions and completions -> one tidy table of scores
``reporting``   from the table to claims: pictures, intervals, a page

``contracts`` holds the nouns they hand to one another, ``config`` the record of a claim,
``experiment`` puts the rooms together, ``__main__`` is the command line.
"""

__version__ = "0.1.0"
