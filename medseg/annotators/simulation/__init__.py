"""Data that are made instead of read: annotators with known error, and embedded images.

``mistakes``    what an annotator gets wrong, as parameters and their application
``simulators``  the kinds of annotators, which draw them
``arguments``   whether what is asked for can be made
``digits``      MNIST's files, which they can label
``cases``       what is copied, read and written of a case
``cohort``      a cohort labelled by them
``among``       a cohort in which some annotators are simulated, and the others are real
``samples``     embedded images with organs and lesions

Each may import those above it.
"""
