"""Run folders with scores, as the tests of reporting make them."""

from ...reporting.conftest import drawn_run, make_run

__all__ = ["drawn_run", "make_run"]
