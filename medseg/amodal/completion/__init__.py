"""A trained run of method two at work: behind `medseg complete`, the evaluation and the calibration.

``beliefs``      what a network says of a batch: probabilities, samples, how well it explains what is visible
``conformal``    volume intervals that hold as often as they say
``calibration``  how its samples are cut, and the limit of abstaining
``room``         where an object may be completed, and the way there from the network's grid
``decision``     what is worth answering, and whether pieces are one object
``fronts``       who lies in front, by what each of two that touch says of the other
``completer``    objects -> answers: where they may grow, when one is left alone
``order``        which of two completed objects lies in front
``rows``         the rows of objects.csv
``maps``         a label map taken apart, completed, put together again
``examples``     objects of known whole, completed as a user's are, by which intervals are calibrated
``calibrate``    the calibration, found after training on objects whose amodal mask is known
``rules``        how: as the run was trained, or as the user says
``files``        what is written
``cores``        many maps on several cores
``given_maps``   the label maps of a file or folder
``label_maps``   `medseg complete`

Each may import those above it.
"""
