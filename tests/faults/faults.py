"""Faults that are no input: what is said, with which status, and which test makes them happen."""

from __future__ import annotations

DISK = "got No space left on device"
GO_ON = "; go on with: medseg train RUN/config.yaml --out RUN --resume"
KEPT = "saved in joint, epoch "

FAULTS: tuple[tuple[str, str, str, int, str], ...] = (
    ("train", "SIGTERM", f"stopped: {KEPT}...{GO_ON}", 143, "test_a_training_that_is_told_to_stop_says_how_to_go_on"),
    ("train", "SIGINT", f"stopped: {KEPT}...{GO_ON}", 130, "test_a_training_that_is_told_to_stop_says_how_to_go_on"),
    *(("train", f"{name} {when}", said, status,
       "test_a_training_that_is_told_to_stop_before_or_after_its_steps_says_so_too")
      for name, status in (("SIGTERM", 143), ("SIGINT", 130))
      for when, said in (("while the cohort is checked", "stopped: nothing was written; begin again"),
                         ("after the last step", "stopped: saved in joint"))),
    ("train", "SIGKILL, then --resume", "(ends with the weights of a run that nobody killed)", 0,
     "test_fifty_killed_trainings_end_as_if_nobody_had_killed_them"),
    ("train", "a process that makes batches dies", f"stopped: a process that makes batches has died; {KEPT}", 1,
     "test_a_loader_process_that_dies_ends_the_training_in_one_line"),
    ("train", "one process of two dies", f"stopped: another process of the run has died; {KEPT}", 1,
     "test_a_dead_process_of_two_is_told_by_the_first"),
    ("train", "the first process of two dies", f"stopped: another process of the run has died; {KEPT}", 137,
     "test_a_dead_first_process_is_told_by_the_second"),
    ("train", "no room in /dev/shm", "shared memory: expected room in /dev/shm for the batches that are made ahead", 1,
     "test_a_shared_memory_of_a_few_kibibytes_is_refused"),
    ("train", "a file vanishes between its check and its use", "file: expected a file", 1,
     "test_a_file_that_changes_between_its_check_and_its_use_is_not_trained_on"),
    ("train", "a mask changes between its check and its use", "fingerprint of the data: expected ", 1,
     "test_a_file_that_changes_between_its_check_and_its_use_is_not_trained_on"),
    ("train", "a file changes in training", "(all was read before; the same weights)", 0,
     "test_a_file_that_changes_in_training_is_not_read_again_but_not_scored_either"),
    ("train", "a label map changes in training", "fingerprint of the data: expected ", 1,
     "test_label_maps_that_change_in_training_are_not_calibrated_on"),
    ("train", "the clock goes back by an hour at each look", "(the same scores)", 0, "test_the_clock_may_go_back"),
    ("train", "a loss that is not finite", "expected a finite", 1,
     "test_a_training_that_breaks_in_its_first_step_leaves_nothing"),
    ("train", "a full disk", "checkpoint: expected a disk that takes it", 1,
     "test_a_full_disk_is_refused_and_the_last_good_checkpoint_kept"),
    ("train", "a broken last checkpoint", "(a warning; goes on from the one before)", 0,
     "test_the_last_checkpoint_being_broken_the_previous_one_is_taken_and_named"),
    ("train", "two at once into one folder", "run folder: expected no training in it, got one by process ", 1,
     "test_two_trainings_into_one_folder_and_a_dead_one_holds_nothing"),
    ("train", "a split that is left over", "split seed: expected 7 as in data.split, got 0", 1,
     "test_a_split_that_is_left_over_is_never_believed"),
    ("train", "a split with other cases, --resume", "split: expected what data.split draws, got another of ", 1,
     "test_a_split_with_other_cases_is_not_resumed"),
    ("train", "a checkpoint with another content", "checkpoint: expected a state that training has saved", 1,
     "test_a_checkpoint_with_another_content_is_not_resumed"),
    ("train", "a checkpoint of a later version", "version of the checkpoint: expected at most 1, got 2", 1,
     "test_a_checkpoint_of_tomorrow_is_not_resumed"),
    ("train", "a run folder that is a file", "run folder: expected a folder, got a file", 1,
     "test_a_run_folder_that_is_a_file_or_below_one_is_refused"),
    ("train", "W&B: a server that never answers", "W&B is offline: no answer in 3 s from ", 0,
     "test_with_the_seconds_that_users_wait_it_is_offline_within_fifteen"),
    ("train", "W&B: a server that answers once", "W&B is offline: ", 0,
     "test_with_the_seconds_that_users_wait_it_is_offline_within_fifteen"),
    ("train", "W&B: no server", "W&B is offline: Connection refused from ", 0,
     "test_with_the_seconds_that_users_wait_it_is_offline_within_fifteen"),
    ("evaluate", "while the run is in training", "weights: expected a training that has ended", 1,
     "test_a_run_in_training_is_not_evaluated"),
    ("predict", "while the run is in training", "weights: expected a training that has ended", 1,
     "test_a_run_in_training_is_not_evaluated"),
    ("evaluate", "a full disk, method one", f"{DISK} (the evaluation before is kept)", 1,
     "test_an_evaluation_that_finds_no_room_leaves_the_one_before"),
    ("evaluate", "a full disk, method two", f"{DISK} (the evaluation before is kept)", 1,
     "test_an_evaluation_that_finds_no_room_leaves_the_one_before"),
    ("evaluate", "a cohort named like a part of the run", "(goes below cohorts/ of the run)", 0,
     "test_a_cohort_that_is_called_like_a_part_of_the_run_goes_beside_it"),
    ("evaluate", "a test mask that was inverted since training", "fingerprint of the data: expected ", 1,
     "test_a_mask_that_has_changed_since_training_is_not_scored"),
    ("evaluate", "a label map that was changed since training", "fingerprint of the data: expected ", 1,
     "test_label_maps_that_have_changed_since_training_are_not_scored"),
    ("compare", "one run named twice", "runs: expected each once, got ", 1,
     "test_a_run_named_twice_is_not_compared"),
    ("index", "--patient-from '(a\\|aa)+$'", "patient_from: expected a regular expression that is done in 3 s", 1,
     "test_an_expression_without_an_end_is_given_up"),
    ("index", "an annotator's folder with a colon", "annotator: expected a name that a file can have, got 'b:ob'", 1,
     "test_index_writes_no_cohort_of_bad_names"),
    ("check", "one mistake in 16 masks", "and 13 more: 16 in all)", 1, "test_one_mistake_in_many_masks_is_one_line"),
    ("complete", "40 images given as label maps", "and 37 more: 40 in all)", 1, "test_a_thousand_equal_lines_are_one"),
    *((verb, "a full disk", DISK, 1, "test_a_full_disk_is_one_sentence_and_leaves_nothing")
      for verb in ("predict", "complete", "simulate")),
    *((verb, kind, "output folder: expected ", 1, "test_a_place_that_cannot_take_results")
      for verb in ("predict", "complete", "simulate")
      for kind in ("--out within what is read", "--out below a file", "--out in a read-only folder")),
    *((verb, f"{code} in the middle of writing", "file: expected room and leave for it, got ", 1,
       "test_a_disk_that_fails_in_the_middle_leaves_nothing_and_the_next_try_works")
      for verb in ("predict", "complete", "simulate")
      for code in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "ENAMETOOLONG")),
)  # fmt: skip
"""Verb, fault, what is said, exit status, the test."""
