"""From predictions to one tidy table of scores.

``inference`` makes the predictions; ``overlap``, ``surface``, ``calibration``, ``agreement`` and
``annotators`` each hold one family of metrics; ``score`` calls them and writes scores.csv.
"""
