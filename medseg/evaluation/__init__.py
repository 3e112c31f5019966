"""From predictions to one tidy table of scores.

``metrics`` is the table of metrics (its rows: ``metrics_of_annotators``, ``metrics_of_completions``): unit, direction,
level, empty rule and a sentence of each; every score is made by its ``score_of``.
``overlap``, ``surface``, ``calibration``, ``agreement`` and ``annotators`` each hold one family of metrics, and
``score`` calls them. ``amodal`` scores completions of hidden objects, with ``coverage`` for their samples. ``table``
writes scores.csv, rivals.csv and confusion.csv.
"""
