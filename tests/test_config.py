"""A mistake in a config is named with its line, its dotted key, and what was probably meant; all at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from medseg.amodal.config import AmodalConfig
from medseg.annotators.config import RunConfig
from medseg.config import dump_config
from medseg.contracts import Refused
from medseg.experiment.methods import load_config

GOOD = """\
experiment: toy
recipe: anchored
data:
  cohort: somewhere
  grid: {mode: resize, size: [32, 32]}
training:
  batch_size: 4
"""
AMODAL = """\
experiment: toy
recipe: three_stages
data:
  cohort: somewhere
  frame: {size: [32, 32], spacing: 1.0}
training:
  batch_size: 4
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(GOOD)
    return path


def complaints(path: Path, *overrides: str) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        load_config(path, overrides)
    return refused.value.complaints


def test_reading_back_the_dump_gives_the_same_config(file: Path, tmp_path: Path) -> None:
    config = load_config(file, ["training.batch_size=16", "data.split.folds=5", "confusion.lr_factor=3"])
    assert (config.training.batch_size, config.data.split.folds, config.confusion.lr_factor) == (16, 5, 3.0)
    again = tmp_path / "again.yaml"
    again.write_text(dump_config(config))
    assert load_config(again) == config


def test_an_unknown_key_names_file_line_key_and_the_one_meant(file: Path) -> None:
    file.write_text(GOOD.replace("  batch_size: 4", "  bacth_size: 4"))
    assert complaints(file) == (f"{file}:7: training.bacth_size: unknown key; did you mean batch_size?",)


def test_the_epochs_of_older_configs_are_answered_with_the_steps_of_today(file: Path) -> None:
    file.write_text(GOOD + "  epochs: {warmup: 20, joint: 50}\n")
    assert complaints(file) == (f"{file}:8: training.epochs: unknown key; did you mean steps?",)


def test_all_mistakes_are_named_at_once(file: Path) -> None:
    file.write_text(GOOD.replace("recipe: anchored", "recipe: ancored").replace("batch_size: 4", "batch_size: -1"))
    found = complaints(file, "traning.batch=3", "seed")
    assert len(found) == 4
    assert any(line.startswith(f"{file}:2: recipe: ") and "did you mean anchored?" in line for line in found)
    assert any(line.startswith(f"{file}:7: training.batch_size: ") and line.endswith("got -1") for line in found)
    assert "override 'traning.batch=3': traning: unknown key; did you mean training?" in found
    assert "override: expected dotted.key=value, got 'seed' (command line)" in found


def test_dimensions_that_do_not_agree_are_all_named(file: Path) -> None:
    assert complaints(
        file, "data.grid.size=[30, 32]", "data.grid.spacing_mm=[1, 1, 1]", "data.augment.flip_axes=[2]"
    ) == (
        "override 'data.grid.spacing_mm=[1, 1, 1]': data.grid.spacing_mm: expected 2 numbers as in size, got 3",
        "override 'data.augment.flip_axes=[2]': data.augment.flip_axes: expected axes 0..1, got (2,)",
        "override 'data.grid.size=[30, 32]': data.grid.size: expected axis 0 divisible by 4 (network.strides), got 30",
    )
    assert complaints(file, "data.grid.spacing_pixels=[2]") == (
        "override 'data.grid.spacing_pixels=[2]': data.grid.spacing_pixels: expected 2 numbers as in size, got 1",
        "override 'data.grid.spacing_pixels=[2]': data.grid.spacing_pixels: "
        "expected mode patch, and no spacing_mm beside it, got mode resize",
    )
    patches = "data.grid={mode: patch, size: [32, 32], spacing_mm: [1, 1], spacing_pixels: [2, 2]}"
    assert complaints(file, patches) == (
        f"override '{patches}': data.grid.spacing_pixels: "
        "expected mode patch, and no spacing_mm beside it, got spacing_mm too",
    )
    assert complaints(file, "network.strides=[2]") == (
        "override 'network.strides=[2]': network.strides: expected 2 (one less than channels), got 1",
    )


def test_a_window_that_nobody_would_see_is_refused(file: Path) -> None:
    place = "override 'data.intensity={}': data.intensity.{}"
    for given, key, sentence in (
        ("{normalisation: window}", "window", "expected [low, high], the first below the second, got none"),
        ("{normalisation: window, window: [4, 4]}", "window",
         "expected [low, high], the first below the second, got [4.0, 4.0]"),
        ("{mean: 3}", "mean", "expected normalisation window beside it, got 3.0 without"),
    ):  # fmt: skip
        assert complaints(file, f"data.intensity={given}") == (f"{place.format(given, key)}: {sentence}",)


def test_nobody_is_learned_from_and_judged_by(file: Path) -> None:
    place = "override 'data.truth=[ann, bob, bob]': data.truth"
    assert complaints(file, "data.annotators=[bob, cat]", "data.truth=[ann, bob, bob]") == (
        f"{place}: expected each name once, got ['ann', 'bob', 'bob']",
        f"{place}: expected nobody of data.annotators, got bob",
    )


def test_what_is_not_yaml_is_named_with_its_line(file: Path) -> None:
    file.write_text("experiment: [a\nrecipe: b\n")
    (line,) = complaints(file)
    assert line.startswith(f"{file}:2: expected YAML, got ")


def test_a_key_that_stands_twice_is_named_with_both_lines(file: Path) -> None:
    file.write_text(GOOD + "  batch_size: 8\nrecipe: soft_mean\nnetwork: {dropout: 0.1, features: 8, dropout: 0.2}\n")
    assert complaints(file, "seed=x") == (
        f"{file}:8: training.batch_size: expected one value, got another (the first stands in line 7)",
        f"{file}:9: recipe: expected one value, got another (the first stands in line 2)",
        f"{file}:10: network.dropout: expected one value, got another (the first stands in line 10)",
        "override 'seed=x': seed: expected a valid integer, got 'x'",
    )
    file.write_text(GOOD)
    assert complaints(file, "data.split={val: 0.1, val: 0.2}") == (
        "override 'data.split={val: 0.1, val: 0.2}': data.split.val: expected one value, got another",
    )


WRONG_TYPES = [
    ("training.batch_size=true", "training.batch_size: expected a valid integer, got True"),
    ('training.batch_size="8"', "training.batch_size: expected a valid integer, got '8'"),
    ("training.batch_size=8.0", "training.batch_size: expected a valid integer, got 8.0"),
    ("training.batch_size=0", "training.batch_size: expected a number greater than 0, got 0"),
    ("training.learning_rate=false", "training.learning_rate: expected a valid number, got False"),
    ('training.learning_rate="0.1"', "training.learning_rate: expected a valid number, got '0.1'"),
    ("data.augment.rotate90=1", "data.augment.rotate90: expected a valid boolean, got 1"),
    ("data.augment.rotate90=yes", "data.augment.rotate90: expected a valid boolean, got 'yes'"),
    ("data.grid.size=32", "data.grid.size: expected a valid list, got 32"),
    ("data.cohort=7", "data.cohort: expected a valid string, got 7"),
    ("data.grid.size=[32, 32.0]", "data.grid.size.1: expected a valid integer, got 32.0"),
    ("training.clip_norm=none", "training.clip_norm: expected a valid number, got 'none'"),
    ("training=[3]", "training: expected keys and values, got [3]"),
    ("training.patience=[[1], 2]", "training.patience: expected a valid integer, got [[1], 2]"),
    ("training={7: 8}", "training.7: expected a word for a key, got 7"),
    ("training=3", "training: expected keys and values, got 3"),
]


def test_no_value_is_taken_for_another_type(file: Path) -> None:
    for override, sentence in WRONG_TYPES:
        assert complaints(file, override) == (f"override '{override}': {sentence}",)
    file.write_text(GOOD.replace("batch_size: 4", "batch_size: true") + "  clip_norm: '1'\n")
    assert complaints(file) == (
        f"{file}:7: training.batch_size: expected a valid integer, got True",
        f"{file}:8: training.clip_norm: expected a valid number, got '1'",
    )


def test_an_integer_is_a_number_a_list_a_tuple_and_null_nothing(file: Path) -> None:
    config = load_config(file, ["training.learning_rate=1", "training.weight_decay=1e-3", "training.clip_norm=null"])
    assert isinstance(config, RunConfig)
    training = config.training
    assert (training.learning_rate, training.weight_decay, training.clip_norm) == (1.0, 1e-3, None)
    assert isinstance(training.learning_rate, float) and config.data.grid.size == (32, 32)
    strides = load_config(file, ["network.strides=[[1, 2], 2]"]).network.strides  # type: ignore[union-attr]
    assert strides == ((1, 2), 2)
    values = config.model_dump(mode="json")  # as YAML has them, with lists
    assert values["data"]["grid"]["size"] == [32, 32] and RunConfig.model_validate(values) == config


def test_a_word_is_a_word_as_in_yaml_1_2(file: Path, tmp_path: Path) -> None:
    config = load_config(file, ["tracking.wandb=off", "experiment=2024-05-01", "data.cohort='1e3'"])
    assert (config.tracking.wandb, config.experiment, config.data.cohort) == ("off", "2024-05-01", "1e3")
    again = tmp_path / "again.yaml"
    again.write_text(dump_config(config))
    assert load_config(again) == config
    assert yaml.safe_load(again.read_text())["tracking"]["wandb"] == "off"  # for readers of YAML 1.1 too


def test_a_missing_file_and_a_missing_key(file: Path, tmp_path: Path) -> None:
    assert complaints(tmp_path / "none.yaml") == (
        f"config: expected a YAML file, got nothing at this path ({tmp_path / 'none.yaml'})",
    )
    file.write_text(GOOD.replace("recipe: anchored\n", ""))
    assert complaints(file) == (f"{file}: recipe: expected a value, got none",)


def test_a_mistake_is_answered_without_torch_and_pictures(file: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from medseg.experiment.methods import load_config
from medseg.contracts import Refused
try:
    load_config(Path({str(file)!r}), ["traning.batch_size=3"])
except Refused as refused:
    print(refused)
print({{"torch", "wandb", "matplotlib"}} & set(sys.modules))
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    sentence = "override 'traning.batch_size=3': traning: unknown key; did you mean training?"
    assert done.stdout.splitlines() == [sentence, "set()"]


# ---------------------------------------------------------------------------------------- method two
@pytest.fixture
def amodal(tmp_path: Path) -> Path:
    path = tmp_path / "amodal.yaml"
    path.write_text(AMODAL)
    return path


def test_the_recipe_says_which_method_it_is(file: Path, amodal: Path) -> None:
    assert isinstance(load_config(file), RunConfig)
    for recipe in ("three_stages", "without_occluded", "without_visible", "pcnet"):
        assert isinstance(load_config(amodal, [f"recipe={recipe}"]), AmodalConfig)
    found = complaints(amodal, "recipe=three_stage")
    assert found[0].startswith("override 'recipe=three_stage': recipe: expected one of fused, ")
    assert found[0].endswith("got 'three_stage'; did you mean three_stages?")


def test_reading_back_a_config_of_method_two(amodal: Path, tmp_path: Path) -> None:
    config = load_config(amodal, ["data.occlusion.kinds=[bar, blob]", "objective.gamma=2", "data.frame.align=false"])
    assert isinstance(config, AmodalConfig)
    assert (config.data.occlusion.kinds, config.objective.gamma) == (("bar", "blob"), 2.0)
    again = tmp_path / "again.yaml"
    again.write_text(dump_config(config))
    assert load_config(again) == config


def test_sections_of_the_other_method_are_unknown(file: Path, amodal: Path) -> None:
    (line,) = complaints(amodal, "confusion.lr_factor=3")
    assert line.startswith(
        "override 'confusion.lr_factor=3': confusion: unknown key; known: experiment, recipe, seed, data"
    )
    found = complaints(file, "objective.gamma=3")
    assert found[0].startswith("override 'objective.gamma=3': objective: unknown key; ")


def test_grids_of_method_two_that_do_not_agree_are_all_named(amodal: Path) -> None:
    found = complaints(
        amodal,
        "data.frame.size=[30, 32]",
        "network.channels=[6, 8]",
        "network.level=2",
        "data.occlusion.occluded=[.6, .2]",
    )
    assert found == (
        "override 'data.frame.size=[30, 32]': data.frame.size: expected multiples of 4 "
        "(network.patch times 2 for every level but the first), got [30, 32]",
        "override 'network.level=2': network.level: expected at most 1 (network.channels), got 2",
        "override 'network.channels=[6, 8]': network.channels: expected multiples of 4, got [6, 8]",
        "override 'data.occlusion.occluded=[.6, .2]': data.occlusion.occluded: expected the lower bound first, "
        "got [0.6, 0.2]",
    )
    assert complaints(amodal, "data.frame.size=[32]") == (
        "override 'data.frame.size=[32]': data.frame.size: expected 2 or 3 numbers, got 1",
    )
    (line,) = complaints(amodal, "network.dropout=.1", "recipe=without_visible")
    assert line.endswith("network.dropout: expected 0 (recipe without_visible draws from z), got 0.1")
    assert load_config(amodal, ["network.dropout=.1", "recipe=pcnet"])
    (line,) = complaints(amodal, "data.occlusion.kinds=[bra]")
    assert "data.occlusion.kinds" in line and line.endswith("did you mean bar?")


def test_a_prior_by_pixels_needs_whole_cells_and_a_model_of_shapes(amodal: Path) -> None:
    assert load_config(amodal, ["prior.kind=pixelcnn", "prior.novelty=nats", "prior.cell=2"])
    (line,) = complaints(amodal, "prior.novelty=nats")
    assert line == (
        "override 'prior.novelty=nats': prior.novelty: expected visible_misfit "
        "(prior.kind gaussian counts no nats), got nats"
    )
    found = complaints(amodal, "prior.kind=pixelcnn", "prior.cell=5", "recipe=pcnet", "data.frame.size=[32, 32]")
    assert found == (
        "override 'prior.kind=pixelcnn': prior.kind: expected gaussian (recipe pcnet learns no shapes), got pixelcnn",
        "override 'prior.cell=5': prior.cell: expected a divisor of data.frame.size [32, 32], got 5",
    )
    (line,) = complaints(amodal, "prior.kind=pixelcn")
    assert line.endswith("did you mean pixelcnn?")


def test_a_config_has_the_limits_of_every_other_yaml(file: Path) -> None:
    for text, line, reason in (
        ("a: &a [*a]", 1, "an alias, *a: write its content out"),
        (GOOD + "x: " + "[" * 10_000, 8, "more than 20 levels within one another"),
        ("seed: " + "9" * 5000, 1, "Exceeds the limit"),
    ):
        file.write_text(text)
        (sentence,) = complaints(file)
        assert sentence.startswith(f"{file}:{line}: expected YAML, got {reason}") and len(sentence) < 400
    file.write_bytes("name: café".encode("latin-1"))
    assert complaints(file) == (f"{file.name}: expected UTF-8 text, got byte 9 ({file})",)
    file.write_bytes(b"#" * (2**20 + 1))
    assert complaints(file) == (f"{file.name}: expected at most 1048576 bytes, got 1048577 ({file})",)


def test_an_override_has_them_too(file: Path) -> None:
    (sentence,) = complaints(file, "seed=" + "[" * 10_000)
    assert sentence.endswith("...': more than 20 levels within one another (seed)") and len(sentence) < 400


def test_a_key_that_stands_twice_within_a_list_is_found(file: Path) -> None:
    file.write_text(GOOD + "rivals:\n- {name: a, name: b}\n")
    line = next(line for line in complaints(file) if "rivals.0.name" in line)
    assert line == f"{file}:9: rivals.0.name: expected one value, got another (the first stands in line 9)"


def test_an_unknown_key_may_be_of_any_letters(file: Path) -> None:
    file.write_text(GOOD.replace("batch_size", "batch-size") + "?! x: 1\n")
    first, second = complaints(file)
    assert first == f"{file}:7: training.batch-size: unknown key; did you mean batch_size?"
    assert second.startswith(f"{file}:8: ?! x: unknown key; known: ")
