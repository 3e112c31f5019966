"""The pictures of completions: objects of a cohort, completions with samples, reconstructions and traversals."""
