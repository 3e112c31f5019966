"""Many runs of one config, each trained and evaluated in a process of its own, here or on a SLURM cluster.

``jobs``     a run that is to be made: of which config, into which folder; and the plan of a sweep
``one_run``  what the process of a run does: train or go on, then evaluate, under a lock
``engine``   submitit, which starts the processes and starts them again where a cluster takes their place away
``running``  all jobs of a folder, so many at a time; whoever is at it already, and those that failed

Each may import those above it. A folder of runs holds beside them::

    logs/<run>.log      what the process of a run says
    logs/<run>.lock     held while it is at work
    logs/submitit/      what submitit keeps of its jobs
    .sweep.lock         held by the sweep that starts them
"""
