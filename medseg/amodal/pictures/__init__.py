"""The pictures of method two.

``objects``      a contact sheet of the objects of a cohort
``album``        every slice of the worst objects, for the page of the report
``completions``  completions with their samples, reconstructions, rows of shapes
``traversals``   what moves when z does
``run``          all that is drawn of a run

Each may import those above it.
"""
