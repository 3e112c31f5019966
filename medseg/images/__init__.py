"""Files <-> arrays with their affine and spacing, integrity checked: the only room that reads or writes pixels.

``headers``       what a file says of its image before any voxel is read
``integrity``     whether the bytes of a volume are whole
``geometry``      how far two grids lie apart, and whether one mirrors the other
``promises``      what a header promises, judged before anything is made room for
``raster_files``  PNG, JPEG and TIFF
``grids``         masks and channels brought onto the grid of their image
``itk_files``     what SimpleITK reads of NRRD and MHA
``scan_files``    NIfTI, NRRD and MHA
``dicom_files``   series of DICOM slices
``dicom_masks``   DICOM SEG and RTSTRUCT, onto the grid of their scan
``netpbm_files``  portable pixmaps, packed or not
``files``         the one door to all these formats: images, masks, maps
``results``       the folder that results are written to: looked at before, tidied up after

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
