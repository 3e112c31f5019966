"""`medseg fuse`: a cohort -> the consensus of every case, on its own grid."""

from __future__ import annotations

from medseg.annotators import fuse_cohort

__all__ = ["fuse_cohort"]
