"""Method one: a true-label network and a confusion matrix per annotator, learned together; in the order of the walk:

``config``       what a run is
``nouns``        what the method says, of a batch and of a case
``consensus``    several annotators' labels -> one: vote, soft mean, STAPLE, one of them at random
``loading``      images and labels -> batches on the network's grid
``mathematics``  likelihood, matrices, networks, objectives, the recipes: pure, for any training loop
``assembly``     a config -> the parts of a run
``prediction``   a model and an image of any size -> what it says everywhere in it
``predictor``    a run folder and images -> maps on their own grid
``confusion_scores``, ``alarms``, ``scores``  what was learned, against what is known; what looks wrong without a truth
``pictures``     cases, matrices, the page of a run
``tracking``     what an evaluation shows on W&B
``evaluation``   a run folder -> scores, alarms, pictures
``method``       all of it as the verbs see it

``simulation``   cohorts with annotators of known error; nothing above needs it
"""
