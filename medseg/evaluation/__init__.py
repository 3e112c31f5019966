"""Metrics as pure functions, and one table that says of each its unit, direction, level and empty rule.

``metrics_of_annotators``   rows of that table: of a recovered truth, and of what was learned about the annotators
``metrics_of_completions``  rows of that table: of completed objects, and of samples
``metrics``                 METRICS, the table; ``score_of`` makes every score
``calibration``             whether stated probabilities can be believed
``coverage``                central intervals of the samples' volumes, and what they cover
``overlap``                 how much two label maps cover each other
``agreement``               how much annotators agree, and how well predicted ones resemble them
``surface``                 how far apart the surfaces of two label maps lie
``table``                   scores.csv, rivals.csv and confusion.csv

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
