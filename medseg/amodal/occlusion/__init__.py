"""From objects to batches: occluded synthetically or really, each in its frame.

``frames``      the piece of space around an object that the network sees, and the way back
``occluders``   what may hide an object, drawn at random
``hiding``      ... and applied
``pasting``     another object's mask, turned and laid on a canvas
``sloppiness``  masks as a segmenter would draw them
``showing``     all of these, on one object
``batches``     objects in their frames as tensors
``source``      the batches of a run
"""
