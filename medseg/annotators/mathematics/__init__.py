"""The mathematics of method one, for any training loop: imports torch, monai, contracts and ``annotators.nouns`` alone.

``settings``          sections of a config: the network, the matrices, the steps, cases without labels
``likelihood``        the likelihood of the annotators' labels under their matrices: the definition
``bayes``             Bayes' rule at every voxel
``tiled_likelihood``  the same for a matrix per voxel, with its gradient in closed form, tile by tile
``heads``             what every form of the matrices C^(a)[o,t] can do
``confusion``         its forms: one matrix per annotator, or per annotator and voxel
``styles``            a matrix per annotator and voxel, from few numbers per annotator
``trunks``            what a matrix per voxel sees
``norms``             what stands in the place of a normalisation
``blocks``            residual units: preactivated, inverted, rescaled
``unets``             MONAI's U-Nets with such units
``energy``            which images the network knows, and the term that teaches it
``test_time``         changes of a test image, and which of them a network profits from
``networks``          networks of MONAI by name
``classifiers``       from features to classes without weights
``model``             the network p(t|x), and the annotators on top of it
``averages``          the mean of several models, and of what is said of mirror images
``sampling``          which voxels a step looks at
``loss``              the likelihood as a loss for any network
``overlap``           how far the truth agrees with the labels, to watch
``supervision``       what the truth is taught beside the likelihood: overlap, and coarser grids
``objective``         what is minimised
``selecting``         what is minimised in learning which changes of a test image are best
``stages``            every recipe, the baselines among them, as rows
``uncertainty``       how sure a network is of each voxel, and what that counts
``unlabelled``        what a student learns from cases without labels
``influence``         what a step on one case does to the loss of others
``weighing``          a weight per unlabelled case
``students``          the row in which it does

Each may import those above it.
"""
