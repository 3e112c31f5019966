"""`medseg fuse`: all annotators' labels of every case -> one, on the case's own grid.

``consensus_case``  the consensus of one case: classes, probabilities, what each annotator is worth
``by_labels``       by the labels alone: vote, soft mean, STAPLE, fusion
``by_model``        by a trained run: p(t | image, labels)
``results``         files of each case, weights.csv, a summary
``cohort``          what is asked for -> one of the ways, on every case

Each may import those above it.
"""
