"""What is wrong, odd or worth knowing in the files of a whole cohort.

``images``      a cohort of annotated images
``inspection``  one case of it: the image and every mask, compared with one another
``duplicates``  the same content under several cases
``findings``    what was found, and its words
"""
