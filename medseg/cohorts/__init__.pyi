from .cohort import (
    find_cohort as find_cohort,
    load_cohort as load_cohort,
    load_objects as load_objects,
    require_empty as require_empty,
    write_cohort as write_cohort,
)
from .cohort_yaml import COHORT_YAML as COHORT_YAML, read_cohort_yaml as read_cohort_yaml
from .manifest import (
    FULL as FULL,
    MANIFEST as MANIFEST,
    OCCLUDER as OCCLUDER,
    VISIBLE as VISIBLE,
    did_you_mean as did_you_mean,
    short_path as short_path,
)
from .names import naming_complaints as naming_complaints
from .object_rules import scheme_with_rules as scheme_with_rules, with_rules as with_rules
from .people import people_of_texts as people_of_texts
from .reading import read_all as read_all
from .seen import (
    marked as marked,
    seen_by_split as seen_by_split,
    seen_in_training as seen_in_training,
    warnings_of as warnings_of,
)
from .snapshots import (
    Snapshot as Snapshot,
    fingerprint as fingerprint,
    mark as mark,
    remember as remember,
    remembered as remembered,
    snapshot as snapshot,
)
from .splits import (
    Assignment as Assignment,
    SplitConfig as SplitConfig,
    apply as apply,
    read_splits as read_splits,
    split_cases as split_cases,
    write_splits as write_splits,
)
from .stores import (
    Array as Array,
    InMemory as InMemory,
    OnDisk as OnDisk,
    Store as Store,
    key_of as key_of,
)
