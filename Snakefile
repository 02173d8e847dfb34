"""forge -> train -> evaluate -> notebook -> summary, for one profile.

    snakemake --cores all --config profile=quick

Outputs are stamps: Snakemake deletes outputs before a job and after a failed one, and results
must outlive both. The library decides by identity whether a stage has work to do, so a stage that
runs again for a touched file costs seconds.
"""

from pathlib import Path

from imdl_lib import experiments

workdir: workflow.basedir


PROFILE = config.get("profile", "quick")
PER_PAPER = PROFILE == "quick"  # each process pays seconds of imports, each quick run takes few
SOURCES = [*Path("imdl_lib").rglob("*.py"), *Path("imdl_lib/data").glob("*.csv")]
LIBRARY = sorted(map(str, [*SOURCES, *Path("results/published").glob("*.csv")]))
RUNS = {run.id: run for run in experiments.RUNS if not experiments.left_out(run, PROFILE)}
RUNS_OF = {o: {run.id for run in RUNS.values() if run.paper == o} for o in experiments.OWNERS}
NOTEBOOKS = [path.stem for path in sorted(Path("notebooks").glob("*.ipynb"))]


def stamp(stage, name):
    return f"build/{PROFILE}/stamps/{stage}/{name}"


def minutes(stage):
    return f"build/{PROFILE}/minutes/{stage}/{{name}}.tsv"


def trained(paper):
    if PER_PAPER:
        return [stamp("train", paper)]
    return [stamp("train", run.id) for run in RUNS.values() if run.paper == paper]


def before_training(name):
    """Stamps of the forged data, and of the runs whose weights are the start of this one's."""
    runs = [run for run in RUNS.values() if name in (run.id, run.paper)]
    starts = [RUNS[run.init_from] for run in runs if run.init_from]
    first = {stamp("train", start.paper if PER_PAPER else start.id) for start in starts}
    return [stamp("forge", runs[0].paper), *sorted(first - {stamp("train", name)})]


def drawn_from(paper):
    """Stamps of all runs that a paper's items show; some are another paper's."""
    items = [item for item in experiments.BY_ID.values() if item.paper == paper]
    others = {run for item in items for run in experiments.needs(item)} & {*RUNS} - RUNS_OF[paper]
    names = {run.partition("/")[0] if PER_PAPER else run for run in others}
    return [*trained(paper), *(stamp("train", name) for name in sorted(names))]


def shown_in(notebook):
    """Whose results a notebook shows: its own paper's, or everyone's where it is about none."""
    own = notebook.partition("_")[2]
    return [own] if own in experiments.PAPERS else list(experiments.OWNERS)


# Every stamp in the order of work, with the files that it vouches for.
VOUCHED = {stamp("forge", owner): [] for owner in experiments.OWNERS}
for owner in experiments.OWNERS:
    folders = {id: f"results/{PROFILE}/{id}" for id in RUNS_OF[owner]}
    for made in trained(owner):
        name = made.removeprefix(stamp("train", ""))
        VOUCHED[made] = list(folders.values()) if PER_PAPER else [folders[name]]
    shown = [f"{top}/{PROFILE}/{owner}" for top in ("results", "figures")]
    VOUCHED[stamp("evaluate", owner)] = shown
for name in NOTEBOOKS:
    VOUCHED[stamp("notebook", name)] = [f"build/{PROFILE}/notebooks/{name}.ipynb"]
VOUCHED[stamp("summary", "all")] = [f"results/{PROFILE}/summary.json"]

for made, files in VOUCHED.items():
    if not all(Path(file).exists() for file in files):
        Path(made).unlink(missing_ok=True)


def step(wildcards, output):
    """What the terminal shows when a job starts."""
    place = list(VOUCHED).index(output[0]) + 1
    return f"[{place} of {len(VOUCHED)}] {output[0].removeprefix(stamp('', '')[:-1])}"


localrules: all, summary


rule all:
    input: list(VOUCHED)


rule forge:
    input: LIBRARY
    output: touch(stamp("forge", "{name}"))
    params: step=step
    benchmark: minutes("forge")
    threads: 8
    shell: "echo '{params.step}'; imdl forge --paper {wildcards.name} --profile {PROFILE}"


rule train:
    input: LIBRARY, lambda wildcards: before_training(wildcards.name)
    output: touch(stamp("train", "{name}"))
    params: step=step, what=lambda wildcards: ("--paper " if PER_PAPER else "") + wildcards.name
    benchmark: minutes("train")
    threads: 8
    shell: "echo '{params.step}'; imdl train {params.what} --profile {PROFILE}"


rule evaluate:
    input: LIBRARY, lambda wildcards: drawn_from(wildcards.name)
    output: touch(stamp("evaluate", "{name}"))
    params: step=step
    benchmark: minutes("evaluate")
    threads: 8
    shell: "echo '{params.step}'; imdl render --paper {wildcards.name} --profile {PROFILE}"


rule notebook:
    input:
        "notebooks/{name}.ipynb",
        lambda wildcards: [stamp("evaluate", paper) for paper in shown_in(wildcards.name)],
    output: touch(stamp("notebook", "{name}"))
    params: step=step
    benchmark: minutes("notebook")
    threads: 8
    shell: "echo '{params.step}'; imdl notebook {input[0]} --profile {PROFILE}"


rule summary:
    input:
        [stamp("evaluate", owner) for owner in experiments.OWNERS],
        [stamp("notebook", name) for name in NOTEBOOKS],
    output: touch(stamp("summary", "all"))
    shell: "imdl summary --profile {PROFILE} >/dev/null"
