"""From the folders that people have to a cohort: one file per layout, chosen by the folder's names.

``files``                 the images and masks below a folder, by case
``choices``               what a user says of a folder where its files cannot
``case_table``            cases.csv: patient, split and covariates
``converting``            where converted files go
``colours``               masks whose colours stand for classes
``segments``              3D Slicer's segmentations
``values``                which values masks hold, and what classes they are
``survey``                where layout and user are silent: classes, channels and dimensions, read from the files
``tasks``                 folders with several targets
``bids``                  BIDS derivatives: masks of several annotators under ``derivatives/``, images in the raw
                          tree beside it
``dataset_json``          dataset.json, as nnU-Net (versions 1 and 2) and the Medical Segmentation Decathlon write it
``dicom``                 DICOM series with SEG or RTSTRUCT files that name them
``folder_per_annotator``  one folder per annotator: ``images/``, ``annotations/<annotator>/``, perhaps ``crowd/`` and
                          ``truth/``
``lidc_crops``            LIDC crops: ``images/x.png`` and ``lesions/x_l0.png`` ... ``x_l3.png``, also inside train/,
                          val/, test/
``nnunet``                nnU-Net raw, versions 1 and 2, with one labels folder per annotator:
                          ``labelsTr_<annotator>/``
``msd``                   Medical Segmentation Decathlon: dataset.json lists the images, each with its one label map
``qubiq``                 QUBIQ: a folder per case with image.nii.gz and taskNN_segMM.nii.gz
``spinalcord``            spinal cord grey matter challenge: ``site1-sc01-image.nii.gz`` beside
                          ``site1-sc01-mask-r1.nii.gz``
``mask_names``            whose mask a file is, by what its name adds to that of an image
``mask_folders``          ``images/`` beside folders of masks, of one annotator each or with names that tell
``mask_suffixes``         one folder, in which names tell images from masks
``path_pattern``          any folder, by two patterns of paths
``path_table``            a table of paths
``published``             published data sets as they are downloaded
``table``                 the layouts by name, and which of them fits a folder; every other file is one layout

Each may import those above it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
