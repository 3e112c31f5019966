from .dicom_files import (
    INSTANCE as INSTANCE,
    DicomSeries as DicomSeries,
    find_series as find_series,
    read_series as read_series,
    slice_tags as slice_tags,
)
from .dicom_masks import (
    DicomMasks as DicomMasks,
    mask_kind as mask_kind,
    masks_on as masks_on,
    read_mask_header as read_mask_header,
)
from .files import (
    SCAN_SUFFIXES as SCAN_SUFFIXES,
    SUFFIXES as SUFFIXES,
    as_labels as as_labels,
    read_channels as read_channels,
    read_header as read_header,
    read_image as read_image,
    read_labels as read_labels,
    read_mask as read_mask,
    read_stack as read_stack,
    read_tags as read_tags,
    stored_shape as stored_shape,
    suffix_of as suffix_of,
    write_image as write_image,
    write_labels as write_labels,
    write_map as write_map,
    write_maps as write_maps,
)
from .geometry import (
    corner_distance_mm as corner_distance_mm,
    flattened_axes as flattened_axes,
    flipped_axes as flipped_axes,
)
from .grids import (
    grid_complaints as grid_complaints,
    length_text as length_text,
    onto_grid as onto_grid,
    require_grid as require_grid,
    with_spacing as with_spacing,
)
from .netpbm_files import read_netpbm as read_netpbm
from .results import (
    place_complaints as place_complaints,
    whole_or_as_before as whole_or_as_before,
    whole_or_none as whole_or_none,
)
