"""What is wrong, odd or worth knowing in the files of a whole cohort.

``duplicates``  the same content under several cases
``findings``    what was found, and its words
``inspection``  one case of it: the image and every mask, compared with one another
``images``      a cohort of annotated images

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
