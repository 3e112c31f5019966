"""The composition root: the only room that knows every other. One file per verb of the command line.

Each verb reads what the previous one left on disk::

    runs/<name>/config.yaml        the resolved config         (train)
                environment.json   versions and machine        (train)
                model.json         what the network was built for: annotators, classes, channels  (train)
                splits.json        who is in train, val, test  (train)
                <stage>/           checkpoints of each stage   (train)
                weights.pt         the final weights           (train)
                metrics.jsonl      figures of every epoch      (train)
                predictions/       maps on the native grid     (evaluate)
                confusion.csv      each annotator's matrix     (evaluate)
                scores.csv         one row per figure          (evaluate)
                report/            pictures and a page         (evaluate)
"""
