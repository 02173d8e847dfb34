"""A few tiny runs, and how tests train them."""

from dataclasses import replace

import safetensors.torch
import torch

from imdl_lib import train
from imdl_lib.jobs import Job
from imdl_lib.profiles import Profile
from imdl_lib.registry import Run

CONFIG = {"wider": False, "deeper": False}
BASE = Run("mantranet/base", "mantranet.imc", CONFIG | {"level": 0}, ("operation",), ())
NETWORK = CONFIG | {"windows": (3,)}
RUN = Run("mantranet/run", "mantranet", NETWORK, ("splice", "enhancement"), ())
STARTED = replace(RUN, id="mantranet/started", init_from=BASE.id)
FROZEN = replace(STARTED, id="mantranet/frozen", frozen=True)
RUNS = {run.id: run for run in (BASE, RUN, STARTED, FROZEN)}


def job(run: Run, profile: Profile, seed: int = 0) -> Job:
    return Job(run, profile, seed, RUNS | {run.id: run})


def trained(job: Job) -> dict[str, torch.Tensor]:
    train.train(job, progress=False)
    return safetensors.torch.load_file(job.cached(".safetensors"))
