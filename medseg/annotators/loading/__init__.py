"""Annotated images -> batches on the network's grid, geometry kept.

``source``      a cohort's cases as batches: a pure function of (view, epoch, step, rank)
``transforms``  from the file's grid to the network's and back; random changes of training cases
"""
