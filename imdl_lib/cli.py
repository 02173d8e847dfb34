"""The ``imdl`` command: list, train, render, notebooks, data, detection."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table as Screen

from . import datasets, experiments, fetch, files, history, images, paths, profiles, report
from .errors import DataError, ImdlError, RegistryError
from .registry import Run

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
data = typer.Typer(no_args_is_help=True, help="Photos and test sets: what there is, get, check.")
app.add_typer(data, name="data")

ProfileName = Annotated[str, typer.Option("--profile", help="quick, standard, next or paper")]
PaperName = Annotated[str, typer.Option("--paper", help="a paper's id, such as mantranet")]
OwnerName = Annotated[str, typer.Option("--paper", help="a paper's id, or blind: the controls")]
CAUTION = (
    "This map is a statistical hint, not evidence: it can mark untouched pixels and miss "
    "forged ones. Look at the picture, its source and its history."
)


def main() -> None:
    """Run the command; a user's mistake is one message and exit code 2, never a traceback."""
    utf8 = sys.stdout.encoding.lower() == "utf-8"  # a path is bytes, and no byte stops a print
    sys.stdout.reconfigure(errors="surrogateescape" if utf8 else "backslashreplace")
    try:
        app()
    except ImdlError as error:
        _refuse(error)
    except OSError as error:
        told = files.cannot_use(error)
        if told is error:
            raise
        _refuse(told)


def _refuse(error: Exception) -> NoReturn:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"imdl: {error}", markup=False)
    sys.exit(2)


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(f"imdl_lib {metadata.version('imdl-lib')}, results {history.RESULTS}")
        raise typer.Exit
    return wanted


Version = typer.Option("--version", callback=_print_version, is_eager=True, help="code, results")


@app.callback()
def root(version: Annotated[bool, Version] = False) -> None:
    """Tables, figures and claims of five papers on image manipulation, made again."""


@app.command("list")
def list_items(
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    profile: ProfileName = "standard",
) -> None:
    """All 62 published tables and figures: made, needs data or not yet, and what is filled."""
    profiles.profile(profile)
    entries = experiments.listing(profile)
    if as_json:
        print(json.dumps(entries, indent=1, ensure_ascii=False))
        return
    sorts = ("ours", "measurable", "quoted")
    screen = Screen("id", "caption", "state", *sorts)
    for entry in entries:
        cells = (str(entry[sort] or "") for sort in sorts)
        screen.add_row(entry["id"], entry["caption"], entry["state"], *cells)
    Console().print(screen)


@app.command()
def train(
    run: Annotated[str, typer.Argument(help="a run's id; empty with --paper")] = "",
    profile: ProfileName = "standard",
    paper: OwnerName = "",
) -> None:
    """Train and score one run, or all of a paper; what is finished is left alone.

    Of a paper, a run that is trained on a set which is not here is left out.
    """
    from . import evaluate

    sizes = profiles.profile(profile)
    if run and paper:
        raise RegistryError(
            f"`imdl train` was given the run {run} and the paper {paper}. Expected one of the two. "
            "Leave out the other."
        )
    runs = _runs_here(paper, profile) if paper else (experiments.run(run),)
    for chosen in runs:
        for seed in sizes.seeds:
            did = evaluate.rebuild(experiments.job(chosen.id, profile, seed), _progress())
            print(f"{chosen.id} seed {seed}: {'finished now' if did else 'already finished'}")


@app.command()
def forge(paper: OwnerName = "mantranet", profile: ProfileName = "standard") -> None:
    """Forge the training sets of a paper's runs into the cache."""
    from . import forge as forging

    profiles.profile(profile)
    runs = [run for run in _runs_here(paper, profile) if run.is_trained]
    jobs = [experiments.job(run.id, profile) for run in runs]
    recipes = dict.fromkeys(job.recipe(part) for job in jobs for part in ("train", "valid"))
    for recipe in recipes:
        forging.forge(recipe, progress=_progress())


@app.command()
def render(paper: OwnerName = "mantranet", profile: ProfileName = "standard") -> None:
    """Make a paper's tables, figures and verdicts from stored rows; say which cannot be made."""
    profiles.profile(profile)
    items = [i for i in (*experiments.TABLES, *experiments.FIGURES) if i.paper == _owner(paper)]
    missing = 0
    for item in items:
        try:
            print(experiments.render(item.id, profile).relative_to(paths.ROOT))
        except DataError as error:
            missing += 1
            print(f"{item.id} is not made. {error}")
    if profile != "quick" and paper in experiments.PAPERS:  # quick judges nothing
        print(experiments.judge(paper, profile).relative_to(paths.ROOT))
    if missing:
        raise DataError(
            f"{missing} of {len(items)} items are not made. Expected weights of all runs that they "
            f"show. Run `imdl train --paper {paper} --profile {profile}` first."
        )


@app.command()
def replace(paper: str) -> None:
    """Put a paper's whole results of profile next, or the blind controls', in place of its own."""
    from . import replacement

    if paper not in {run.paper for run in experiments.RUNS}:
        _owner(paper)
    print("\n".join(replacement.replace(paper)))


@app.command()
def index() -> None:
    """Bring the README's totals and its index of tables and figures up to date."""
    experiments.write_index(paths.ROOT / "README.md")


@app.command()
def claims(
    paper: PaperName = "",
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    profile: ProfileName = "standard",
) -> None:
    """What became of all published claims, or of a paper's: totals, then each with evidence."""
    profiles.profile(profile)
    chosen = _one_of(paper, tuple(experiments.TITLES)) if paper else ""
    if as_json:
        found = report.entries(experiments.judged(profile, chosen))
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    experiments.claims(chosen, profile)


@app.command()
def notebook(path: Path, profile: ProfileName = "standard") -> None:
    """Execute a notebook at a profile into build/<profile>/notebooks, and make a page of it."""
    profiles.profile(profile)
    chosen = paths.argument(path)
    if not chosen.is_file():
        raise DataError(f"There is no notebook {path}. Expected a file. Check the path.")
    executed = paths.executed(chosen, profile)
    files.require_writable(executed)
    files_and_folder = [str(chosen), str(executed), "--cwd", str(chosen.parent)]
    quietly = ["--no-progress-bar", "--log-level", "ERROR"]
    command = [sys.executable, "-m", "papermill", *files_and_folder, "-p", "profile", profile]
    _call([*command, *quietly], f"Notebook {path.name}")
    page = [sys.executable, "-m", "nbconvert", "--to", "html", "--log-level", "ERROR"]
    _call([*page, str(executed)], f"The page of {path.name}")
    print(executed.relative_to(paths.ROOT))


@app.command()
def summary(profile: ProfileName = "quick") -> None:
    """Write results/<profile>/summary.json and print it on one screen."""
    profiles.profile(profile)
    items = [e for e in experiments.listing(profile) if e["id"] in experiments.BY_ID]
    stages, made = _stages(profile), (experiments.MADE, experiments.EARLIER)
    report = {
        "profile": profile,
        "wall_minutes": round(float(sum(stages.values())), 2),
        "stages": stages,
        "machine": _machine(),
        "made": [e["id"] for e in items if e["state"] in made],
        "failed": [e["id"] for e in items if e["state"] not in made],
    }
    files.write_json(paths.results(profile) / "summary.json", report)
    _print_summary(report)


def _print_summary(report: dict) -> None:
    profile, made = report["profile"], report["made"]
    total = len(made) + len(report["failed"])
    print(f"profile {profile}: {len(made)} of {total} items made, {report['wall_minutes']:.1f} min")
    for name, minutes in report["stages"].items():
        print(f"  {name:24} {minutes:6.2f} min")
    if report["failed"]:
        print(f"  not made: {', '.join(report['failed'])}")
    print(f"notebooks  build/{profile}/notebooks/*.html")
    print(f"tables     results/{profile}/<paper>/items/*.csv")
    print(f"figures    figures/{profile}/<paper>/*.png")


def _stages(profile: str) -> dict[str, float]:
    """Minutes of each stage, as Snakemake's benchmark files record them."""
    minutes: dict[str, float] = {}
    for record in sorted((paths.build(profile) / "minutes").glob("*/**/*.tsv")):
        stage = record.relative_to(paths.build(profile) / "minutes").parts[0]
        seconds = float(record.read_text().splitlines()[1].split("\t")[0])
        minutes[stage] = round(minutes.get(stage, 0) + seconds / 60, 2)
    return minutes


def _machine() -> str:
    import platform

    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


@data.command("info")
def data_info(name: Annotated[str, typer.Argument()] = "") -> None:
    """What a set holds, its licence and source, where it goes, what is missing."""
    names = [_set(name)] if name else _sets()
    told = (datasets.info(n) if n in datasets.SPECS else fetch.info(n) for n in names)
    print("\n\n".join(told))


@data.command("get")
def data_get(name: str) -> None:
    """Download a set file by file; what is there and whole is kept."""
    report = fetch.get(_set(name), progress=_progress())
    _end_with([str(report)], faulty=not report.complete)


@data.command("check")
def data_check(name: str) -> None:
    """Compare a set's files with their checksums, or its masks with its images.

    The exit code is 1 where anything is missing, damaged or does not fit.
    """
    if _set(name) in fetch.SETS:
        report, remarks = fetch.check(name), []
        if name in datasets.SPECS:
            remarks = [f"  no fault: {line}" for line in datasets.SPECS[name].remarks]
        _end_with([str(report), *remarks], faulty=not report.complete)
        return
    faults = datasets.check(name, progress=_progress())
    _end_with(faults or [f"{name}: every mask fits its image"], faulty=bool(faults))


def _end_with(lines: list[str], faulty: bool) -> None:
    print("\n".join(lines))
    if faulty:
        raise typer.Exit(1)


@app.command()
def env() -> None:
    """What results depend on: versions, precision, folders."""
    from . import train as training

    sets = paths.data_root()
    lines = training.environment() | {
        "precision": training.precision("auto"),
        "IMDL_DATA": str(sets) if sets else "not set: packaged photos only",
        "cache": str(paths.cache()),
    }
    for key, value in lines.items():
        print(f"{key:10} {value}")


@app.command()
def detect(
    photo: Path,
    out: Annotated[Path | None, typer.Option(help="the picture to write")] = None,
    profile: ProfileName = "standard",
    paper: PaperName = "",
) -> None:
    """What each released network, or one paper's, marks in a photo: one picture."""
    from . import detect as detection

    chosen, place = paths.argument(photo), out and paths.argument(out)
    written = detection.detect(chosen, place, profile, _paper(paper) if paper else "")
    said = (str(written), detection.notice(images.size(chosen)), CAUTION)
    print("\n".join(filter(None, said)))


def _call(command: list[str], what: str) -> None:
    """Run a helper program; its last words are the error's evidence."""
    environment = os.environ | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    environment["PWD"] = str(paths.called_from())  # which a notebook's kernel believes
    done = subprocess.run(command, cwd=paths.ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise ImdlError(f"{what} stopped with an error. Its last words:\n{tail}")


def _runs_here(paper: str, profile: str) -> list[Run]:
    """The runs of an owner; what one lacks that cannot be trained here is said instead."""
    runs = [run for run in experiments.RUNS if run.paper == _owner(paper)]
    reasons = {run.id: experiments.left_out(run, profile) for run in runs}
    print("".join(f"{reason}\n" for reason in reasons.values() if reason), end="")
    return [run for run in runs if not reasons[run.id]]


def _paper(name: str) -> str:
    return _one_of(name, tuple(experiments.PAPERS))


def _owner(name: str) -> str:
    return _one_of(name, experiments.OWNERS)


def _one_of(name: str, known: tuple[str, ...]) -> str:
    if name not in known:
        raise RegistryError(f"There is no paper {name!r} here. Choose from {', '.join(known)}.")
    return name


def _sets() -> list[str]:
    """Every set of photos or test images, the fetched ones first."""
    return list(dict.fromkeys(["packaged", *fetch.SETS, *datasets.SPECS]))


def _set(name: str) -> str:
    if name not in _sets():
        raise RegistryError(
            f"There is no set `{name}`. Expected one of {', '.join(_sets())}. "
            "`imdl data info` describes each."
        )
    return name


def _progress() -> bool:
    """Bars for people; none where output goes to a file or a CI log."""
    return sys.stderr.isatty() and not os.environ.get("CI")


if __name__ == "__main__":
    main()
