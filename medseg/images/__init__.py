"""Files <-> arrays with their affine and spacing, integrity checked: the only room that reads or writes pixels.

``files``         the one door to all formats below: images, masks, maps
``raster_files``  PNG, JPEG and TIFF
``scan_files``    NIfTI, NRRD and MHA
``headers``       what a file says of its image before any voxel is read
``integrity``     whether the bytes of a volume are whole
``geometry``      how far two grids lie apart, and whether one mirrors the other
"""
