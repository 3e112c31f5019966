"""`medseg export`: a run as a MONAI bundle, for those who have no medseg.

``transforms``  images on their way to the network's grid and back, as a bundle goes it; a copy lies in every bundle
``configs``     what stands in a bundle's configs/
``bundle``      a run folder -> a bundle

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
