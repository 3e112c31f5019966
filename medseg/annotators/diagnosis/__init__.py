"""`medseg diagnose`: what a run has learned, what it has learned by heart, and which of its annotators' errors are
concepts. It needs scikit-learn and kmapper: the extra ``diagnose``.

``examined``       the run that is diagnosed: its network, its cases in their split
``levels``         what a network makes of an image level by level
``voxels``         voxels of many cases, and what is known of each
``probes``         linear probes, and their scores
``decodability``   what can be read off each level, before training and after
``deviations``     what each annotator does to each object, as images and in a few numbers
``groups``         deviations that are alike
``learnability``   how well a group is told from others by k examples, or by a line of words
``sheet``          the same choice as a sheet for people
``answers``        what people answered, judged
``concepts``       clusters and annotators, and how well each can be learned or told in words
``corruption``     a cohort in which some labels are another image's
``memorisation``   the same training on such labels
``attack``         the image that a network likes least nearby
``mapper``         the graph of overlapping clusters over a projection of features, and its votes
``robustness``     what the nodes hold, and how the votes bear an attack beside the network
``columns``        the columns of each table, and what they mean
``pictures``       the tables as pictures
``section``        what the page of a run shows of its diagnosis
``report``         all of it: a run -> a folder of tables, pictures, a sheet and a page

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
