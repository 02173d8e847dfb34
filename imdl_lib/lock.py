"""The lock: which packages are pinned, and whether an environment holds this checkout with them.

``run_all.sh`` runs this file by its path, from outside the checkout and possibly before anything
is installed, so it imports the standard library only, and `packaging` once that must be there::

    python -P imdl_lib/lock.py check dev     # silent, or says what is wrong and exits with 1
    python -P imdl_lib/lock.py write dev     # prints requirements.lock
"""

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

CHECKOUT = Path(__file__).resolve().parent.parent
LOCK = CHECKOUT / "requirements.lock"
NAME = "imdl-lib"
HEADER = """\
# Exact versions for `pip install -c requirements.lock -e .`; made from a tested environment by
# `python -P imdl_lib/lock.py write dev > requirements.lock`.
"""


def plain(name: str) -> str:
    """A package's name as the lock spells it.

    >>> plain("Ruamel.YAML_clib")
    'ruamel-yaml-clib'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    """Name to version of every line of a lock.

    >>> pins("# made by hand\\ntorch==2.13.0\\n")
    {'torch': '2.13.0'}
    """
    lines = [line for line in lock.splitlines() if line and not line.startswith("#")]
    return dict(line.split("==") for line in lines)


def public(version: str) -> str:
    """A version without its local tag.

    >>> public("2.13.0+cpu")
    '2.13.0'
    """
    return version.partition("+")[0]


def installed(name: str, extras: frozenset[str]) -> dict[str, str]:
    """Name to public version of a package and all that it requires here, directly or not.

    Raises:
        PackageNotFoundError: one of them is not installed; its name is the message.
    """
    from packaging.requirements import Requirement  # may be absent when this file is first run

    found, waiting, seen = {}, [(name, extras)], set()
    while waiting:
        name, extras = waiting.pop()
        if (plain(name), extras) in seen:
            continue
        seen.add((plain(name), extras))
        package = distribution(name)
        found[plain(name)] = public(package.version)
        for needed in map(Requirement, package.requires or ()):
            wanted = [{"extra": extra} for extra in ("", *extras)]
            if needed.marker is None or any(map(needed.marker.evaluate, wanted)):
                waiting.append((needed.name, frozenset(needed.extras)))
    return found


def source(name: str) -> Path | None:
    """The folder that an editable install points at; None for any other install."""
    origin = json.loads(distribution(name).read_text("direct_url.json") or "{}")
    if not origin.get("dir_info", {}).get("editable"):
        return None
    return Path(url2pathname(urlparse(origin["url"]).path)).resolve()


def fault(extras: frozenset[str]) -> str | None:
    """What keeps the running environment from serving this checkout; None where nothing does."""
    try:
        if source(NAME) != CHECKOUT:
            return f"{NAME} is installed there from elsewhere than this checkout"
        if find_spec("packaging") is None:
            return "packaging is not installed there"
        found = installed(NAME, extras)
    except PackageNotFoundError as missing:
        return f"{missing.name} is not installed there"
    pinned = pins(LOCK.read_text())
    for name, version in sorted(found.items()):
        if version != pinned.get(name, version):
            return f"{name} is {version} there, but the lock says {pinned[name]}"
    return None


def write(extras: frozenset[str]) -> str:
    """The text of a lock that pins what is installed here."""
    found = installed(NAME, extras)
    del found[plain(NAME)]
    return HEADER + "".join(f"{name}=={found[name]}\n" for name in sorted(found))


if __name__ == "__main__":
    verb, *names = sys.argv[1:]
    if verb == "write":
        sys.stdout.write(write(frozenset(names)))
    elif reason := fault(frozenset(names)):
        sys.exit(reason)
