"""`medseg export`: a run folder -> its network for those who have no medseg."""

from __future__ import annotations

from pathlib import Path

from medseg.experiment.methods import method_of_run

WITHOUT_ONNX = "; no model.onnx, which takes: pip install 'medseg[export]'"


def export_run(run: Path, out: Path) -> str:
    """Export a trained run; what the user reads. Raises Refused before anything is written."""
    names = method_of_run(run).export(run, out)
    return f"exported: {out}/models: {', '.join(names)}{'' if 'model.onnx' in names else WITHOUT_ONNX}"
