from .duplicates import (
    Fingerprinted as Fingerprinted,
    find_duplicates as find_duplicates,
)
from .findings import (
    Findings as Findings,
    some as some,
)
from .images import check_images as check_images
