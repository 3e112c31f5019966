"""`medseg complete`: a run folder and label maps -> the hidden part of every object, on the maps' own grid."""

from __future__ import annotations

from medseg.amodal import complete, complete_map

__all__ = ["complete", "complete_map"]
