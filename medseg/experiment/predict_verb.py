"""The options of `medseg predict`; what is heavy is imported when it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medseg.experiment.refusing import refusing, say


def predict(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Of several, as of folds, the mean.")],
    images: Annotated[Path, typer.Option(exists=True, help="An image, or a folder of them; channels as c1_0000.*.")],
    out: Annotated[Path, typer.Option(help="Folder for the maps.")],
    probabilities: Annotated[bool, typer.Option("--annotator-probabilities", help="Those of each annotator.")] = False,
    confusion: Annotated[bool, typer.Option("--confusion", help="Each annotator's matrix at every voxel too.")] = False,
    samples: Annotated[int | None, typer.Option(help="So many plausible segmentations of each image too.")] = None,
    novelty: Annotated[bool, typer.Option("--novelty", help="How unlike those of the training each looks.")] = False,
    annotators: Annotated[bool, typer.Option("--annotators/--no-annotators", help="Their labels.")] = True,
    mirror: Annotated[bool | None, typer.Option("--mirror/--no-mirror", help="The mean of mirror images too.")] = None,
    unseen: Annotated[
        list[str] | None, typer.Option("--as", metavar="YAML", help="Annotators never seen: 'novice: {experience: 1}'.")
    ] = None,
    learned: Annotated[int | None, typer.Option(help="The mean of so many learned changes of each image.")] = None,
    complete: Annotated[Path | None, typer.Option(help="A run of method two: completes truth and labels too.")] = None,
) -> None:
    """Recovered truth, probabilities, every annotator's labels and the entropy, on the images' own grid."""
    with refusing(out):
        from medseg.cohorts import people_of_texts
        from medseg.contracts import AskedMaps
        from medseg.experiment.predict import predict_and_complete, predict_images

        maps = {"annotator_probabilities": probabilities, "confusion": confusion, "novelty": novelty}
        seen = {"ensemble": tuple(runs[1:]), "mirror": mirror, "learned": learned}
        people = people_of_texts(unseen or [], "--as")
        asked = AskedMaps(**maps, **seen, samples=samples, annotators=annotators, unseen=people)
        if complete is not None:
            return say(predict_and_complete(runs[0], images, out, asked, completing=complete))
        written = len(predict_images(runs[0], images, out, asked))
        say(f"{written} case{'s' * (written != 1)} written to {out}")
