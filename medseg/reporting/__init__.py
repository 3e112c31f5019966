"""From the table to claims: reads run folders, needs no torch and of medseg the nouns of contracts alone.

``runs`` reads them, ``summary`` says how one run did, ``statistics`` compares several (with ``intervals``, ``bins``,
``directions`` and ``tables``), ``glossary`` says what the names of metrics mean. ``figures`` draws one run of
annotators (with ``panels`` and ``heatmaps``), ``completions`` one of hidden objects (``objects``: the data), ``plots``
training curves and the comparison of several runs; ``page`` makes one HTML page of a run.
"""
