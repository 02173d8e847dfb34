"""The runs of the blind controls: of no paper, scored wherever a network of a paper is."""

from collections.abc import Iterable

from ..realsets import SPECS
from ..registry import BEST_BLIND, BLIND, Run
from ..standins import FOUR_KINDS, SETS
from . import mantranet, pscc_net, uen

ROOM = "blind"
_NOT_OF_MASKS = ("operation", "camera", "copy_and_source")  # kinds whose sets score no mask


def _scored(runs: Iterable[Run]) -> tuple[str, ...]:
    """Every set on which one of the networks is scored for its masks, each once.

    A piece of the training images is one run's own, so it is none of them.
    """
    names = dict.fromkeys(name for run in runs for name in run.tests)
    return tuple(filter(_of_masks, names))


def _of_masks(name: str) -> bool:
    if name in SETS:
        return SETS[name].part == "test" and not {*SETS[name].kinds} & {*_NOT_OF_MASKS}
    return SPECS[name.partition("/")[0]].forged > 0


def _shown(tests: tuple[str, ...]) -> tuple[str, ...]:
    """Those sets that a row of blind controls shows in a table."""
    tables = (*mantranet.TABLES, *pscc_net.TABLES, *uen.TABLES)
    sources = (source for table in tables for cell in table.cells for source in cell.sources)
    wanted = {source.set for source in sources if source.run == BEST_BLIND}
    whole = [name.removesuffix("/*") for name in wanted if name.endswith("/*")]
    return tuple(n for n in tests if n in wanted or ("=" not in n and n.partition("/")[0] in whole))


TESTS = _scored((*mantranet.RUNS, *pscc_net.RUNS, *uen.RUNS))
SHOWN = _shown(TESTS)  # all that the quick profile has the time for
COLUMNS = ("pixel_auc", "pixel_auc_negated", "pixel_f1_at_half", "pixel_f1_best_per_image")
COLUMNS += ("score", "mean_of_map")  # the same: what ranks whole images


def _run(id: str) -> Run:
    """A control; the mean mask is that of ManTra-Net's training images, of which all are forged."""
    trained = id == f"{ROOM}/mean-mask"
    return Run(
        id,
        id.replace("/", "."),
        {},
        FOUR_KINDS if trained else (),
        TESTS,
        keep=trained,
        columns=COLUMNS,
        quick_tests=SHOWN,
    )


RUNS = tuple(map(_run, BLIND))
