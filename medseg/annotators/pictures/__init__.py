"""The pictures of a run with annotators, from the run folder alone.

``panels``    image, outlines, recovered truth, entropy: a row per case
``slices``    a case and its prediction -> what its picture needs, kept as report/panels/<case>.npz
``album``     every slice of the worst cases, for the page of the report
``heatmaps``  the confusion matrices
``relied``    how far each annotator was relied on: a row per case, a column per annotator
``page``      the page of cases and matrices

Each may import those above it.
"""
