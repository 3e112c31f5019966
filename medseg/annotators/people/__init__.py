"""The report on people: who errs, how and where. It needs labels alone, and no network.

``intervals``  how sure a share or a mean over cases is: patients drawn anew
``labelling``  a run or a cohort -> who labelled what, and by what truth each annotator is measured
``errors``     one case -> what each annotator did wrong in it
``agreement``  who agrees with whom, and with himself
``styles``     who errs alike: distances of matrices, and the clusters that they make
``outliers``   masks that are unlike their case and unlike their annotator
``asking``     whom to ask next about which case
``space``      where each adds and where each cuts, in the frame of the object
``findings``   all of it about a run or a cohort
``columns``    the columns of each table, and what they mean
``tables``     the findings as these tables
``pictures``   the findings as pictures
``examples``   the outliers as they were drawn
``page``       tables and pictures as one HTML file
``report``     a run or a cohort -> a folder of tables, pictures and the page

Each may import those above it.
"""
