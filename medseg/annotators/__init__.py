"""Method one: a true-label network and a confusion matrix per annotator, learned together.

``model``       the network p(t|x), and the annotators on top of it
``confusion``   the matrices C^(a)[o,t], and what they say of the annotators' labels
``likelihood``  the likelihood of those labels, with its gradient in closed form
``bayes``       Bayes' rule at every voxel, on which it rests
``objective``   what is minimised
``prediction``  a model and an image of any size -> what it believes everywhere in it
``stages``      every recipe, the baselines among them, as rows
"""
