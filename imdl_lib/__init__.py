"""A reproducible companion to five papers on image manipulation detection and localization.

Read the modules in the order in which the data flows; it is also the order of imports, so a
module only ever needs those before it::

    errors, paths, files   the kinds of error; every location; writing whole or not at all
    lock                   whether an environment holds the pinned packages
    batch                  Batch and Prediction: names, axes and ranges
    checksums, fetch       what can be downloaded, and whether it is whole
    images                 reading any picture
    realsets, splits       what is known of each real set; who trains and who tests
    datasets               one reader of real sets and of their parts
    leaks                  photos that a real set shows too
    segments, photos       outlines and superpixels; real photos, split by photo
    cameras                the same photos as taken by ten virtual cameras
    manipulations, shapes  385 operations; the shapes of regions
    distortions            whole images disturbed, in stated units
    kinds, crops           splices, copy-moves, removals, enhancements; crops of real sets
    forge                  recipes in, cached array sets out
    standins               fixed forged sets that stand for the published benchmarks
    filters, layers        forensic filters; neural blocks that papers share
    backbones              feature extractors that papers share
    papers, baselines      one readable file each
    roc, metrics           counting over scores; every name carries its protocol
    speed                  times and operations of whole networks, side by side
    profiles, registry     how much of everything; what a run, table, figure, claim is
    validation             whether a network has learned
    jobs, train            a run's network, files and weights; one loop
    traces, responses      one row per image: of trace extractors, of correlation modules
    uncertainty, scales    the same of maps that say how unsure a network is; of coarser masks
    recalls                the same of images with several regions
    real_log               every look at a real test set, written down
    evaluate               the same of every network, whichever it is
    tables, figures        rows in, text and pictures out
    history                the results' version; what each number was before
    pictures               what figures show of trained networks
    resampling, verdicts   how sure stored rows are; what becomes of comparisons
    claims, report         the rules by which each claim is judged; how the verdicts are told
    published_times        published seconds against operations, and against times measured here
    experiments            the registry: RUNS, TABLES, FIGURES, CLAIMS; show(id), check(id)
    replacement            a paper's next results in place of its published ones
    detect, exercises, cli one photo; checks of answers; the ``imdl`` command
"""

__version__ = "0.1.0"
