"""A trained run of method two at work: behind `medseg complete`, the evaluation and the calibration.

``beliefs``      what a network says of a batch: probabilities, samples, how well it explains what is visible
``calibration``  how its samples are cut, and the limit of abstaining
``completer``    objects -> answers: where they may grow, when one is left alone
``conformal``    intervals of volumes, widened until they hold on held-out objects
``calibrate``    the calibration, found after training on objects whose amodal mask is known
``order``        which of two completed objects lies in front
``rows``         the rows of objects.csv
``maps``         a label map taken apart, completed, put together again
``files``        what is written
``label_maps``   `medseg complete`

Each may import those above it.
"""
