"""How `medseg complete` takes label maps apart: as the run was trained, or as the user says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medseg.amodal.assembly import AmodalSignature
from medseg.amodal.completion.maps import completed_scheme
from medseg.cohorts import read_cohort_yaml, scheme_with_rules
from medseg.contracts import ObjectRules, ObjectScheme, Refused, complaint, yaml_values

OPTION = "--rules"


def asked_scheme(rules: Path | str | None, signature: AmodalSignature) -> ObjectScheme:
    """That of the run (None), of a cohort.yaml in the place of the run's (a path), or of a YAML text laid over it.

    Raises Refused where the rules cannot be read, name a class that the run does not know, or are of other dimensions.
    """
    own = completed_scheme(signature)
    if rules is None:
        return own
    if isinstance(rules, str) and not Path(rules).is_file() and _is_text(rules):
        return _known(scheme_with_rules(own, rules, OPTION), signature, OPTION)
    return _scheme_of_file(Path(rules), signature)


def _is_text(rules: str) -> bool:
    """Rules, and no path: a mapping, or what is meant for one."""
    return rules.lstrip().startswith("{") or isinstance(yaml_values(rules, "rules", OPTION), Mapping)


def _scheme_of_file(path: Path, signature: AmodalSignature) -> ObjectScheme:
    cohort_yaml = read_cohort_yaml(path)
    rules = cohort_yaml.rules or ObjectRules()
    scheme = ObjectScheme(classes=cohort_yaml.classes, rules=rules, spatial_dims=cohort_yaml.spatial_dims)
    if cohort_yaml.complaints:
        raise Refused([*cohort_yaml.complaints, *_complaints(scheme, signature, str(path))])
    return _known(scheme, signature, str(path))


def _known(scheme: ObjectScheme, signature: AmodalSignature, where: str) -> ObjectScheme:
    """The scheme. Raises Refused where the run does not know its classes, or has other dimensions."""
    if complaints := _complaints(scheme, signature, where):
        raise Refused(complaints)
    return scheme


def _complaints(scheme: ObjectScheme, signature: AmodalSignature, where: str) -> list[str]:
    known = [label.name for label in signature.classes[1:]]
    strange = [label.name for label in scheme.classes[1:] if label.name not in known]
    found = []
    if strange:
        what, expected = "class", f"one that the run knows: {', '.join(known)}"
        if scheme.rules.instances:
            what = "class of the instances"
            expected += f", as cohort.yaml says it by classes: {{background: 0, {known[0]}: 1}}"
        found.append(complaint(what, expected, ", ".join(strange), where))
    if scheme.spatial_dims != signature.spatial_dims:
        found.append(complaint("spatial_dims", signature.spatial_dims, scheme.spatial_dims, where))
    return found
