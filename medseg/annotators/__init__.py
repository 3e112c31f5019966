"""Method one: a true-label network and a confusion matrix per annotator, learned together.

``nouns``             what the method says, of a batch and of a case
``described``         what is said of people, as columns of numbers
``staple``            STAPLE of one case, with what it believes of the truth and of each annotator
``consensus``         several annotators' labels -> one: vote, soft mean, STAPLE, the unanimous
``drawn``             what annotators drew of one case: the box around it, and the combinations of labels
``zones``             where a voxel lies: how far from the border of a truth, and which classes meet there
``labelled_case``     the labels of one case, and what is believed of its truth
``mean_shape``        where annotators differ about size alone: the border in the middle
``fusion``            all annotators' labels of a case -> one truth, and how far it relies on whom
``naming``            who calls the same classes by other names
``zone_matrices``     what is believed of the truth -> a matrix per annotator and zone
``fitting``           all annotators' labels of many cases -> what each annotator is worth where
``witnesses``         whether a second annotator says what was fused
``seen_in_images``    of several truths that labels allow, the one of which images tell most
``truths``            of the two, the one to believe: the fusion, or where images say so the mean shape
``loading``           images and labels -> batches on the network's grid
``mathematics``       likelihood, matrices, networks, objectives, the recipes: pure, for any training loop
``config``            what a run is
``validation_pictures``  what is shown of validation during training
``sources``           a config and a cohort -> the cases of a run as the loop wants them
``assembly``          a config -> the parts of a run
``planning``          a cohort -> a config for a first model
``fusion_file``       the fusion of a run as training leaves it
``reliance``          how far the labels' truth relies on whom, case by case
``confusion_scores``  what was learned about each annotator, against what is known: counts, matrices, areas
``areas``             annotators whose most probable labels are empty although they draw
``calibration``       stated probabilities against observed shares
``predicting``        a trained run and an image of any size -> what is believed of it, and its files: `medseg predict`
``fusing``            a cohort -> the consensus of every case, by its labels alone or by a trained run
``pictures``          cases, matrices, the page of a run
``tracking``          what an evaluation shows on W&B
``exporting``         a run as a MONAI bundle, for those who have no medseg
``simulation``        cohorts with annotators of known error; nothing above needs it
``alarms``            what looks wrong with a recovered truth, found without knowing the truth: drift, and classes
                      that swapped
``curve_alarms``      what looks wrong with a training by its curves
``set_scores``        the annotators of a case as a set: what is predicted for them, against what they drew
``scores``            predictions and labels -> the tidy table of scores, one row per case, annotator, class and
                      metric
``scored_cases``      the cases of a split, one by one: predicted, scored, drawn
``people``            the report on the annotators themselves: who errs, how and where
``diagnosis``         what a run has learned, what by heart, and which errors are concepts: `medseg diagnose`
``report``            the page of an evaluated run, from its folder alone
``evaluation``        a run folder -> scores, alarms, pictures
``summary``           what a user needs to know of a cohort to choose by
``method``            all of it as the verbs see it

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
