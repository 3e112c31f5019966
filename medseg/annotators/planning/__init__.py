"""From a cohort to a config that is trained in minutes on two cores.

``geometry``     sizes and spacings -> what the network sees of a case, and how deep the network is: sums, nothing read
``intensities``  whether images are CT, and by which numbers a network sees them
``room``         whether the cases fit into memory, or are kept on disk
``plan``         a cohort -> the text of a config, each key with its reason

Each may import those above it.
"""
