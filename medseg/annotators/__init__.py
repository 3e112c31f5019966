"""Method one: a true-label network and a confusion matrix per annotator, learned together.

``likelihood``        the likelihood of the annotators' labels under their matrices: the definition
``tiled_likelihood``  the same for a matrix per voxel, with its gradient in closed form, tile by tile
``bayes``             Bayes' rule at every voxel, on which that rests
``confusion``         the matrices C^(a)[o,t], one per annotator or per annotator and voxel
``loss``              the likelihood as a loss for any network
``model``             the network p(t|x), and the annotators on top of it
``objective``         what is minimised
``stages``            every recipe, the baselines among them, as rows
``prediction``        a model and an image of any size -> what it says everywhere in it
``nouns``             what it says, of a batch and of a case
"""
