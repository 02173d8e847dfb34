"""Images a second of a training step at 64 px and quarter width, with freed memory kept or not.

Run with ``python benchmarks/training.py``; each line is measured in a process of its own.
"""

import multiprocessing
import time

import torch
import torch.nn.functional as F

from imdl_lib.papers import mantranet, pscc_net
from imdl_lib.train import keep_memory, precision

BATCH, SIZE_PX, WIDTH, STEPS = 64, 64, 0.25, 4
NETWORKS = {
    "ManTra-Net's W&D classifier": lambda: mantranet.ImcModel(
        mantranet.Config(width=WIDTH, decision_stride=4)
    ),
    "ManTra-Net, all of it": lambda: mantranet.Model(mantranet.Config(width=WIDTH)),
    "PSCC-Net": lambda: pscc_net.Model(pscc_net.Config(size_px=SIZE_PX, width=WIDTH)),
}


def images_per_second(name: str, kept: bool) -> float:
    """Over a few steps on random images, after one that is not counted."""
    if kept:
        keep_memory()
    model = NETWORKS[name]().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())
    image = torch.rand(BATCH, 3, SIZE_PX, SIZE_PX).contiguous(memory_format=torch.channels_last)
    half = precision("auto") == "bf16-mixed"
    for step in range(STEPS + 1):
        if step == 1:
            began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, half):
            said = model(image)
        logits = (said if isinstance(said, torch.Tensor) else said.logits).float()
        optimizer.zero_grad(set_to_none=True)
        F.softplus(logits).mean().backward()
        optimizer.step()
    return STEPS * BATCH / (time.perf_counter() - began)


def main() -> None:
    """Print one line per network."""
    print(
        f"{SIZE_PX} px, width {WIDTH}, batch {BATCH}, {torch.get_num_threads()} threads, images/s"
    )
    for name in NETWORKS:
        found = []
        for kept in (False, True):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found.append(pool.apply(images_per_second, (name, kept)))
        plain, faster = found
        print(f"{name:<28} {plain:6.1f} plain {faster:6.1f} kept, ratio {faster / plain:.2f}")


if __name__ == "__main__":
    main()
