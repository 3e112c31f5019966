"""`medseg predict`: a run folder and images -> maps on the images' own grid."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from medseg.contracts import NO_MORE, AskedMaps, Refused, complaint
from medseg.experiment.methods import method_of_run
from medseg.images import place_complaints, whole_or_none

COMPLETIONS = "completions"


def predict_images(run: Path, images: Path, out: Path, asked: AskedMaps = NO_MORE) -> Sequence[Path]:
    """Predict an image, or every one of a folder; a path per case. Raises Refused before anything is written."""
    return method_of_run(run).predict(run, images, out, asked)


def predict_and_complete(run: Path, images: Path, out: Path, asked: AskedMaps, *, completing: Path) -> str:
    """Predict, then complete the objects of the recovered truth and of every annotator's labels with another run.

    Beside the predictions completions/truth and completions/annotators/<annotator>, each as `medseg complete` fills a
    folder; returns what it says of each. Raises Refused for an ``out`` that is there. Where anything fails, nothing is
    left.
    """
    from medseg.amodal import Completer, complete
    from medseg.training import crew

    shared, said = crew(), []

    def check() -> None:
        complaints = place_complaints(out, images)
        if out.exists() and not complaints:
            complaints = [complaint("output folder", "a new one with --complete", "one that is there", str(out))]
        if complaints:
            raise Refused(complaints)

    shared.together(check)
    completer = Completer.load(completing)
    with whole_or_none(out.parent, (out.name,)) if shared.first else nullcontext():
        truths = predict_images(run, images, out, asked)
        for folder in (truths[0].parent, *sorted((out / "annotators").glob("*"))):
            there = out / COMPLETIONS / folder.relative_to(out)
            said.append(complete(completer, folder, there, empty=True))
    return "\n".join(said)
