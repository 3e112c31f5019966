"""A trained run of method two at work: behind `medseg complete`, the evaluation and the calibration.

``completer``    objects -> answers: where they may grow, when one is left alone
``calibration``  how its samples are cut, and the limit of abstaining
``calibrate``    ... found after training, on objects whose amodal mask is known
``maps``         a label map taken apart, completed, put together again
``rows``         the rows of objects.csv
``files``        what is written
"""
