"""Data that are made instead of read: annotators with known error, and the embedded images and label maps.

``mistakes``  what an annotator gets wrong, as parameters and their application
``raters``    the simulated annotators, who draw them
``cohort``    a cohort labelled by them
``digits``    MNIST's files, which they can label
``samples``   embedded images with organs and lesions
``shapes``    embedded label maps of objects that cross
"""
