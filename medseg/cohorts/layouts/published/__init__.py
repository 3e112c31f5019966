"""Published data sets as they are downloaded: the names of their files, and what their values mean.

``bubil``        BU-BIL: cells, by experts with two tools and by crowds; masks in which 0 is the object
``chase_db1``    CHASE_DB1: retinal vessels, by two observers
``curvas``       CURVAS: pancreas, kidney and liver in CT, by three readers
``gleason2019``  Gleason 2019: grades of prostate tissue, by up to six pathologists
``isbi2015``     ISBI 2015: multiple sclerosis lesions in four contrasts, by two readers
``lidc_xml``     LIDC-IDRI's contours as its XML files have them
``lidc_idri``    LIDC-IDRI: lung nodules in CT (DICOM), by four slots of readers
``mmis2024``     MMIS-2024: nasopharyngeal tumours in slices of three contrasts (HDF5), by four readers
``riga``         RIGA: optic disc and cup, contours of six readers drawn into photographs
``stare``        STARE: retinal vessels, by two observers, in packed PPM

Each may import those above it.
"""
