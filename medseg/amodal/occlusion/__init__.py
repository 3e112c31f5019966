"""From objects to batches: occluded synthetically or really, each in its frame.

``sections``    of a config: frames, occluders, how objects are shown
``resampling``  masks on another grid
``frames``      the piece of space around an object that the network sees, and the way back
``pasting``     another object's mask, turned and laid on a canvas
``occluders``   what may hide an object, drawn at random
``hiding``      ... and applied
``scenes``      all that lies around an object: what hides it, presses on it, lies behind it
``deforming``   shapes that nobody has seen: stretched and bent
``sloppiness``  masks as a segmenter would draw them
``known``       objects that are really hidden, and of which all is known
``showing``     all of these, on one object
``batches``     objects in their frames as tensors
``source``      the batches of a run

Each may import those above it.
"""
