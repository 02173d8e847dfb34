"""A reproducible companion to five papers on image manipulation detection and localization.

Read the modules in the order in which the data flows; it is also the order of imports, so a
module only ever needs those before it::

    errors, paths, files   the kinds of error; every location; writing whole or not at all
    batch                  Batch and Prediction: names, axes and ranges
    fetch, photos, cameras real photos: fetched, split, or taken by ten virtual cameras
    manipulations, shapes  385 operations; the shapes of regions
    forge                  splices, copy-moves, removals, enhancements: recipes to array sets
    datasets               stand-in and real test sets, one reader
    filters, layers        forensic filters; neural blocks that papers share
    papers, baselines      one readable file each
    metrics                every function's name carries its protocol
    profiles               how much of everything: quick, standard, paper
    train, evaluate        one loop; one row per image
    tables, figures        rows in, text and pictures out
    experiments            the registry: RUNS, TABLES, FIGURES, CLAIMS; show(id), check(id)
    cli                    the ``imdl`` command
"""

__version__ = "0.1.0"
