"""From the table to claims: reads run folders, needs no torch and nothing else of medseg.

``runs`` reads them, ``statistics`` compares them (with ``intervals``, ``bins`` and ``tables``). ``figures`` draws one
run of annotators (with ``panels`` and ``heatmaps``), ``completions`` one of hidden objects (``objects``: the data),
``plots`` training curves and the comparison of several runs; ``page`` makes one HTML page of a run.
"""
