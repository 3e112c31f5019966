"""From predictions to one tidy table of scores.

``overlap``, ``surface``, ``calibration``, ``agreement`` and ``annotators`` each hold one family of metrics, and
``score`` calls them. ``amodal`` scores completions of hidden objects, with ``coverage`` for their samples. ``table``
writes scores.csv.
"""
