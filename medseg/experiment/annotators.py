"""`medseg annotators`: a run folder or a cohort -> who errs, how and where."""

from __future__ import annotations

from medseg.annotators import report_people

__all__ = ["report_people"]
