"""From the table to claims: reads run folders, needs no torch and of medseg the nouns of contracts alone.

``variants``    runs of one recipe, seed and fold told apart by their configs
``runs``        run folders -> one frame with every score of every run
``directions``  which of several values is the worst
``glossary``    what the names of metrics mean
``intervals``   how sure a mean over seeds and cases is
``tables``      numbers and tables as text, for the terminal, a README and the page
``names``       names in pictures: no longer than there is room for, on one line
``plots``       the training curves of a run; a metric of several recipes side by side
``statistics``  several runs -> how good each recipe is, how sure that is, and by how much it wins
``summary``     one run -> a row per metric, annotator and class
``pivots``      one run -> metrics x classes, annotators x classes
``templates``   the HTML that pages are filled into
``album``       the worst cases, slice by slice
``page``        one HTML file for a run, with all that it shows in it

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
