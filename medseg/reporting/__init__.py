"""From the table to claims: reads run folders, needs no torch and nothing else of medseg.

``statistics`` compares runs (with ``intervals`` and ``tables``), ``figures`` draws one run (with ``panels`` and
``heatmaps``), ``plots`` its training curves and the comparison of several, ``page`` makes one HTML page of a run.
"""
