"""`medseg evaluate` for a run of method two: completions and their rivals against known truth -> scores, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from pathlib import Path

from medseg.amodal.assembly import occluded_objects, read_amodal_run
from medseg.amodal.by_kind import ORDINARY, side_by_side
from medseg.amodal.completion.calibrate import calibrate_run
from medseg.amodal.completion.calibration import CALIBRATION
from medseg.amodal.completion.completer import Answer, Completer
from medseg.amodal.config import AmodalConfig
from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import read_objects
from medseg.amodal.ordinary_scores import score_ordinary
from medseg.amodal.pictures.run import draw_amodal_run
from medseg.amodal.report import READ, write_report
from medseg.amodal.rival_scores import KindOf, rival_scores
from medseg.amodal.scores import OccludedCalibration, contact_score, front_score, score_object, score_orders
from medseg.amodal.tracking import track_amodal
from medseg.cohorts import (
    apply,
    find_cohort,
    fingerprint,
    load_objects,
    marked,
    read_splits,
    seen_by_split,
    seen_in_training,
    warnings_of,
)
from medseg.config import dump_config, refuse_other_data
from medseg.contracts import ObjectCohort, ObjectRules, Refused, Score, Split, complaint
from medseg.evaluation import score_of, write_rivals, write_scores
from medseg.images import whole_or_as_before
from medseg.reporting import format_summary, load_runs

SAMPLES = 50
"""Draws of each object, behind the intervals."""

WITHOUT = {"occluded": "without_visible"}
"""Stage -> the recipe that ends with it."""

SPLITS = "splits.json"


@dataclass(frozen=True, kw_only=True)
class AmodalEvaluation:
    """What `medseg evaluate` found."""

    scores: list[Score]
    """The rows of scores.csv."""
    objects: str
    """What they are about."""
    out: Path
    """Where the files are."""
    tables: Mapping[str, str]
    """Heading -> the run and its rivals side by side, by groups of objects."""
    warnings: tuple[str, ...] = ()
    """What a reader of the scores must know."""

    def __str__(self) -> str:
        table = format_summary([replace(score, label="") for score in self.scores])
        further = "".join(f"\n{heading}\n{text}\n" for heading, text in self.tables.items())
        return "\n".join([self.objects, table, further, *self.warnings, f"page: {self.out}/report/index.html"])


def evaluate_amodal(
    run: Path, stage: str | None = None, draw: bool = True, other: Path | None = None, *, split: Split = "test"
) -> AmodalEvaluation:
    """Complete a split's occluded objects whose amodal mask is known, on their native grid, beside all rivals.

    Contacts are among them, see ``occluded_objects``. Where the rules know overlaps, the same cases are also completed
    as ordinary maps, see ``score_ordinary``; scores.csv and rivals.csv of these lie below ``ordinary/``.
    Writes scores.csv, rivals.csv and report/ into the run folder, each in place of an older one when all is there.
    stage: take the weights with which this stage ended, calibrated on their own; the files then go below
    ``<run>/<stage>/``, as those of the run without the stages after it. split: of another one than the test set the
    files go below ``val/`` or ``train/`` there, and a warning says that training has seen it. other: a cohort of which
    all cases are taken; the files then go below ``<run>/cohorts/<its name>/``.
    Raises Refused where no object has an occluded part, and where ``other`` has other classes or dimensions.
    """
    config = read_amodal_run(run)
    _refuse_stage(run, stage, other, config.recipe)
    trained = _trained_on(run, config, needed=other is None)
    if trained is not None and stage is not None and not (run / stage / CALIBRATION).is_file():
        calibrate_run(run, trained, stage)
    completer = Completer.load(run, stage)
    cohort = trained if other is None else _other_cohort(other, completer)
    assert cohort is not None
    seen = seen_by_split(cohort) if other is None else seen_in_training(run / SPLITS, config.data.cohort, cohort)
    split = split if other is None else "test"  # as which all of its cases count
    objects = occluded_objects(cohort, split, config)
    if not objects:
        raise Refused([complaint(f"{split} objects", "at least one with an occluded part", "none", cohort.name)])
    beside = run / (stage or "") if other is None else run / "cohorts" / cohort.name
    out = beside if split == "test" else beside / split
    answers = completer.answers(objects, SAMPLES)
    scores = marked([*_scores_of(objects, answers, cohort.rules), *_order_scores(completer, cohort, split)], seen)
    ordinary = score_ordinary(completer, cohort, SAMPLES, split)
    warnings = warnings_of({name: seen[name] for name in dict.fromkeys(each.case for each in objects)})
    shown_as = config if stage is None else config.model_copy(update={"recipe": WITHOUT[stage]})

    def rivals_of(judged: Sequence[AmodalObject], kind: KindOf) -> dict[str, list[Score]]:
        rivals = rival_scores(judged, trained, config.data.frame, kind) if stage is None else {}
        return {name: marked(rows, seen) for name, rows in rivals.items()}

    with whole_or_as_before(out, [] if stage else [run / name for name in READ]) as folder:
        _write(folder, shown_as, scores, rivals_of(objects, partial(contact_score, rules=cohort.rules)))
        if ordinary.objects:
            rivals = rivals_of(ordinary.objects, front_score)
            _write(folder / ORDINARY, shown_as, marked(ordinary.scores, seen), rivals)
        if draw and stage is None:
            (folder / "report").mkdir()
            (folder / "report" / "alarms.txt").write_text("".join(f"{line}\n" for line in warnings))
            draw_amodal_run(folder, completer, cohort, config, objects=objects, answers=answers, scores=scores)
            write_report(folder)
    if draw and stage is None and other is None:
        track_amodal(run, out, split, config=config, scores=scores)
    return AmodalEvaluation(
        scores=scores,
        objects=f"{_described(objects)} {f'{split} cases' if other is None else f'cases of {cohort.name}'}",
        out=out,
        tables=side_by_side(load_runs([out])),
        warnings=warnings,
    )


def _described(objects: Sequence[AmodalObject]) -> str:
    """How many objects there are, and who hid them, of how many cases."""
    simulated = sum(amodal_object.simulated for amodal_object in objects)
    mixed = f"occluded (of which {simulated} synthetically)"
    kind = {0: "really occluded", len(objects): "synthetically occluded"}.get(simulated, mixed)
    return f"{len(objects)} {kind} objects of {len({amodal_object.case for amodal_object in objects})}"


def _write(folder: Path, config: AmodalConfig, scores: Sequence[Score], rivals: Mapping[str, Sequence[Score]]) -> None:
    """scores.csv, rivals.csv where there are some, and config.yaml where there is none."""
    folder.mkdir(exist_ok=True)
    write_scores(folder / "scores.csv", scores)
    if rivals:
        write_rivals(folder / "rivals.csv", rivals)
    if not (folder / "config.yaml").is_file():
        (folder / "config.yaml").write_text(dump_config(config))


def _refuse_stage(run: Path, stage: str | None, other: Path | None, recipe: str) -> None:
    """Raise Refused for a stage that no run of the recipe ends with, and for one of another cohort."""
    if stage is not None and (stage not in WITHOUT or recipe != "three_stages"):
        expected = f"{', '.join(WITHOUT)} of a run of recipe three_stages"
        raise Refused([complaint("--stage", expected, f"{stage} of {recipe}", str(run))])
    if stage is not None and other is not None:
        raise Refused([complaint("--stage", "none beside --cohort", stage, str(run))])


def _trained_on(run: Path, config: AmodalConfig, *, needed: bool) -> ObjectCohort | None:
    """The cohort of the training in its split; None where it is gone or has changed, and is not ``needed``."""
    try:
        cohort = load_objects(find_cohort(config.data.cohort))
        refuse_other_data(run, fingerprint(cohort))
        return apply(cohort, read_splits(run / SPLITS))
    except Refused:
        if needed:
            raise
        return None


def _other_cohort(folder: Path, completer: Completer) -> ObjectCohort:
    """Another cohort, all of its cases to be scored. Raises Refused where the run cannot complete its objects."""
    cohort, signature = load_objects(find_cohort(str(folder))), completer.signature
    known, names = ([label.name for label in each.classes[1:]] for each in (signature, cohort))
    asked = (
        ("spatial_dims", signature.spatial_dims, cohort.spatial_dims),
        ("classes", "instances" if signature.rules.instances else ", ".join(known),
         "instances" if cohort.rules.instances else ", ".join(names)),
    )  # fmt: skip
    if complaints := [complaint(what, known, got, cohort.name) for what, known, got in asked if known != got]:
        raise Refused(complaints)
    return replace(cohort, cases=tuple(replace(case, split="test") for case in cohort.cases))


def _scores_of(objects: Sequence[AmodalObject], answers: Sequence[Answer], rules: ObjectRules) -> list[Score]:
    """Of every object of a cohort with these rules, and of all of them together."""
    pairs = zip(objects, answers, strict=True)
    scores = [score for amodal_object, answer in pairs for score in _scores(amodal_object, answer)]
    scores += [contact_score(amodal_object, rules) for amodal_object in objects]
    completions = [answer.completion for answer in answers]
    return [*scores, reduce(add, map(OccludedCalibration.of, objects, completions)).score()]


def _scores(amodal_object: AmodalObject, answer: Answer) -> list[Score]:
    """Of one object; ``novelty`` above 1 says that `medseg complete` would have left it as it is."""
    novelty = score_of("novelty", answer.completion.novelty, case=amodal_object.name, label=amodal_object.label)
    return [*score_object(amodal_object, answer.completion), novelty]


def _order_scores(completer: Completer, cohort: ObjectCohort, split: Split) -> Iterator[Score]:
    """order_correct of the pairs of every map of a split whose order the cohort's rules state."""
    for case in cohort.split(split) if cohort.rules.hides else ():
        objects = read_objects(case, cohort).objects
        answers = completer.answers(objects, 0, abstain=False)
        asked = [number for number, answer in enumerate(answers) if answer.status != "left"]
        completions = [answers[number].completion for number in asked]
        yield from score_orders([objects[number] for number in asked], completions, cohort.rules)
