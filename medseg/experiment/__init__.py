"""The composition root: the only room that knows every other. One file per verb of the command line; nothing computes.

``refusing``     what the command line says to bad input
``methods``      METHODS, the table of methods: the only place that names them all
``environment``  where a run comes from: environment.json, and what is stamped onto a run
``run_folder``   the folder of a training: one training at a time, gone where nothing was trained
``cohorts``      `medseg index`, `medseg check`, `medseg simulate`
``folder_verbs`` their options
``plan``         `medseg plan`, and what `medseg train` reads: a config file, or a folder
``train``        `medseg train`
``evaluate``     `medseg evaluate`
``config``       `medseg config`
``further_help`` what --help says below the options
``report``       `medseg report`
``compare``      `medseg compare`
``sweeping``     many runs of one config, each in a process of its own, here or on a SLURM cluster
``sweep``        `medseg sweep`
``sweep_verb``   its options
``diagnose``     `medseg diagnose`
``diagnose_verb``  its options
``annotators``   `medseg annotators`
``predict``      `medseg predict`
``predict_verb`` its options
``export``       `medseg export`
``fuse``         `medseg fuse`
``complete``     `medseg complete`
``demo``         `medseg demo`
``examples``     `medseg examples`
``front_door``   the verbs for Python: folders and overrides in, cohorts, run folders and tables out

Each may import those above it. Each verb reads what the previous one left on disk::

    runs/<name>/config.yaml        the resolved config                     (train)
                environment.json   versions, code, data, machine           (train)
                model.json         what the network was built for          (train)
                splits.json        who is in train, val, test              (train)
                <stage>/           checkpoints of each stage               (train)
                weights.pt         the final weights                       (train)
                metrics.jsonl      metrics of every epoch                  (train)
                scores.csv         one row per score                       (evaluate)
                report/            pictures, and index.html that needs no other file (evaluate; report)

Of method one the stages are warmup/ and joint/, joint/ and styles/, or what its recipe has, and there are also::

                predictions/       maps on the native grid                 (evaluate)
                confusion.csv      each annotator's matrix                 (evaluate)
                annotators/        who errs, how and where                 (annotators)
                diagnosis/         what was learned, and what by heart     (diagnose)

Of method two the stages are complete/, occluded/ and visible/, and there are also::

                calibration.json   how samples are cut, when to abstain    (train)
                rivals.csv         the scores of those that learn nothing  (evaluate)
                ordinary/          scores of the maps without overlaps     (evaluate)
                occluded/scores.csv  those of the run without stage III    (evaluate --stage occluded)
"""
