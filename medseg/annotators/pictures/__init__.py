"""The pictures of a run with annotators, from the run folder alone: cases, confusion matrices, the page of both."""
