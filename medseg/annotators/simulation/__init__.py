"""Data that are made instead of read: annotators with known error, and embedded images.

``mistakes``    what an annotator gets wrong, as parameters and their application
``simulators``  the kinds of annotators, which draw them
``cohort``      a cohort labelled by them
``digits``      MNIST's files, which they can label
``samples``     embedded images with organs and lesions
"""
