"""Annotated images -> batches on the network's grid, geometry kept; in the order of the walk:

``records``       one case on its own grid, its masks as class indices
``placement``     where a case lies on the network's grid, and the way there and back
``memory``        whether all cases fit, told from the headers of their files
``samples``       the cases on the network's grid, each read once, in every view
``augmentation``  random changes of training cases
``source``        samples -> batches: pure functions of (view, epoch, step, rank)
"""
