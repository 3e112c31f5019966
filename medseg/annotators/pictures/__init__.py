"""The pictures of a run with annotators, from the run folder alone.

``believed``  stated probabilities against observed shares
``panels``    image, outlines, recovered truth, entropy: a row per case
``slices``    a case and its prediction -> what its picture needs, kept as report/panels/<case>.npz
``album``     every slice of the worst cases, for the page of the report
``heatmaps``  the confusion matrices
``relied``    how far the labels relied on each annotator, and how reliable he is: a row per case, a column each
``page``      the page of cases and matrices

Each may import those above it.
"""
