#!/usr/bin/env bash
# Sets up what is missing, then rebuilds a profile or runs the tests. Works with bash 3.2.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # as after `sh run_all.sh`
set -euo pipefail

usage="Usage: ./run_all.sh [quick | standard | paper] [arguments for snakemake]
       ./run_all.sh test [arguments for pytest]
The default is quick. With -n, snakemake only lists what it would do."

# The checkout is where this file lies, not where a link to it does.
self=${BASH_SOURCE[0]}
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=$(dirname "$self")/$target ;; esac
done
root=$(cd "$(dirname "$self")" && pwd -P)
stamp="$root/.venv/imdl-stamp"
terminal=false
if [ -t 1 ] && [ -z "${CI:-}" ]; then terminal=true; fi

die() {
  printf '%s\n' "$*" >&2
  exit 2
}

# A relative folder is meant from where the command was called, and the jobs run elsewhere.
absolute() {
  case $1 in
    "" | /* | "~"*) printf '%s' "$1" ;;
    *) printf '%s/%s' "$PWD" "$1" ;;
  esac
}

system_python() {
  local name
  for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

# Says why the active environment cannot be used, or nothing where it can.
active_fault() {
  local found
  found=$(command -v python || command -v python3) || { echo "it has no python"; return; }
  (cd / && "$found" -P "$root/imdl_lib/lock.py" check "$@" 2>&1 | tail -n 1) || true
}

hash_for() {
  printf '%s' "$1" | cat "$root/pyproject.toml" "$root/requirements.lock" - |
    "$base" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

check_tools() {
  local missing=""
  git --version >/dev/null 2>&1 || missing="git"
  if [ -z "$base" ]; then
    missing="${missing:+$missing, }python3 (3.11 or newer)"
  elif [ "$1" = with-venv ] && ! "$base" -c 'import venv, ensurepip' 2>/dev/null; then
    missing="${missing:+$missing, }python3's venv module"
  fi
  [ -z "$missing" ] || die "Missing on this machine: $missing." \
    "git, python3 (3.11 or newer) and its venv module are needed." \
    "Install them, on Debian or Ubuntu with 'sudo apt install git python3 python3-venv'," \
    "on macOS with 'brew install git python'; then run the same command again."
}

# The lock belongs to the open file: it goes when this script, and the snakemake that it started
# and that inherits the file, have both ended, however they end.
alone() {
  mkdir -p "$root/build" 2>/dev/null || true
  [ -w "$root/build" ] ||
    die "$root/build cannot be written. Give yourself the right to write there, then try again."
  exec 9>>"$root/build/$1.lock"
  if ! "$base" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null; then
    die "Another ./run_all.sh (process $(cat "$root/build/$1.lock")) is at work in this checkout." \
      "Wait for it, or stop it with Ctrl-C where it runs; what it finished is kept."
  fi
  echo $$ >"$root/build/$1.lock"
}

download_size() {
  case $(uname -s) in
    Linux) echo "0.5 GB, or 3 GB where pip picks the torch with CUDA, as it does by default" ;;
    *) echo "0.5 GB" ;;
  esac
}

# A .venv that was moved with its checkout still names its old place.
is_set_up() {
  grep -qxF -- "$(hash_for "$1")" "$stamp" 2>/dev/null && in_place && "$python" -c '' 2>/dev/null
}

in_place() { [ ! -e "$stamp" ] || grep -qF -- "$root/.venv" "$root/.venv/pyvenv.cfg"; }

install_into_venv() {
  local quietly=--quiet
  if $terminal; then quietly=--progress-bar=on; fi
  echo "Setting up $root/.venv: a download of about $(download_size)."
  alone set-up
  if ! in_place || ! "$python" -m pip --version >/dev/null 2>&1; then
    "$base" -m venv --clear "$root/.venv"
  fi
  rm -f "$stamp"
  (cd "$root" && "$python" -m pip install --no-input --disable-pip-version-check \
    "$quietly" -c requirements.lock -e ".${1:+[$1]}") ||
    die "Set-up failed: pip could not install the packages, for the reason given above." \
      "Run the same command again when it is mended; pip keeps what it has downloaded."
  { hash_for ""; [ -z "$1" ] || hash_for "$1"; } >"$stamp"
  exec 9>&-
}

# Sets `python` and puts its commands first on the PATH.
set_up() {
  local extras=$1 reason
  base=$(system_python)
  check_tools without-venv
  reason=$(active_fault ${extras:+"$extras"})
  if [ -z "$reason" ]; then
    python=$(command -v python || command -v python3)
    PATH=$("$python" -c 'import sysconfig; print(sysconfig.get_path("scripts"))'):$PATH
    return
  fi
  python="$root/.venv/bin/python"
  PATH="$root/.venv/bin:$PATH"
  if is_set_up "$extras"; then return; fi
  if [ -n "${VIRTUAL_ENV:-${CONDA_PREFIX:-}}" ]; then
    echo "The active environment is left alone: $reason."
  fi
  check_tools with-venv
  install_into_venv "$extras"
}

run_tests() {
  local status=0 notebooks
  ruff check || status=1
  ruff format --check || status=1
  "$python" -m pytest -q "$@" || status=1
  notebooks=$(ls notebooks/*.ipynb 2>/dev/null || true)
  if [ -n "$notebooks" ]; then
    echo "Running the notebooks and comparing them with their stored outputs."
    "$python" -m pytest -q -c tests/nbval.ini notebooks/*.ipynb || status=1
  fi
  return $status
}

# Minutes on this machine, from 2-core measurements; a stored result is never computed again.
expected_time() {
  local cores papers
  cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
  [ "$cores" -le 8 ] || cores=8
  papers=$(find notebooks -maxdepth 1 -name '0[1-5]_*.ipynb' | wc -l)
  case $1 in
    quick) echo "about $((1 + papers * 8 / cores)) minutes with the $cores cores used here" ;;
    standard)
      if nvidia-smi -L >/dev/null 2>&1; then
        echo "about $((papers * 12)) minutes with the GPU here, if nothing is stored yet"
      else
        echo "about $((1 + papers * 6 / cores)) hours with the $cores cores used here," \
          "if nothing is stored yet"
      fi ;;
    paper) echo "days, even with several GPUs" ;;
  esac
}

# Snakemake's own lock outlives a killed run; ours does not, so here theirs is stale unless a
# snakemake that was started by hand is at work.
remove_stale_lock() {
  [ -n "$(ls .snakemake/locks 2>/dev/null || true)" ] || return 0
  local other
  other=$(ps -A -o pid= -o args= 2>/dev/null |
    awk '/bin\/snakemake|-m snakemake/ && !/awk/ {print $1; exit}')
  [ -z "$other" ] || die "A snakemake (process $other) may be at work in this checkout." \
    "Wait for it, or stop it; if it works elsewhere, run 'snakemake --unlock', then try again."
  echo "An earlier run was cut short; going on where it was."
  "$python" -m snakemake --quiet all --unlock
}

rebuild() {
  local profile=$1 status=0 dry_run=false argument
  local options="--config profile=$profile --rerun-triggers mtime --rerun-incomplete --keep-going"
  shift
  # Cluster jobs are not bound by this machine's cores.
  case " $* " in *" -e "* | *" --executor"* | *" --profile"* | *" -j"* | *" --jobs"*) ;;
    *" -c"* | *" --cores"*) ;;
    *) options="--cores all $options" ;;
  esac
  for argument in "$@"; do
    case $argument in -n | --dry-run | --dryrun) dry_run=true ;; esac
  done
  if $dry_run; then
    # shellcheck disable=SC2086
    exec "$python" -m snakemake $options "$@"
  fi
  echo "Rebuilding the $profile profile: forge, train, evaluate, notebooks, summary."
  echo "Takes $(expected_time "$profile"). What is finished is kept: stop it and call it again."
  alone run
  remove_stale_lock
  # shellcheck disable=SC2016,SC2086
  sh -c 'echo $$ >build/run.lock; exec "$@"' sh \
    "$python" -m snakemake --quiet host reason rules progress $options "$@" || status=1
  imdl summary --profile "$profile" || status=1
  if [ $status -ne 0 ]; then
    echo "Something failed, see above; run the same command again to redo just that." >&2
  fi
  return $status
}

task=quick
case ${1:-} in
  quick | standard | paper | test) task=$1; shift ;;
  -h | --help) printf '%s\n' "$usage"; exit ;;
  "" | -*) ;;
  *) die "There is no profile '$1'. Expected quick, standard, paper or test. $usage" ;;
esac
if [ -n "${IMDL_DATA:-}" ]; then IMDL_DATA=$(absolute "$IMDL_DATA"); export IMDL_DATA; fi
if [ -n "${IMDL_CACHE:-}" ]; then IMDL_CACHE=$(absolute "$IMDL_CACHE"); export IMDL_CACHE; fi

if [ "$task" = test ]; then
  set_up dev
  cd "$root"
  run_tests "$@"
else
  set_up ""
  cd "$root"
  rebuild "$task" "$@"
fi
