"""python -m benchmarks steps|operators|real|latents|trust [--peers]: a table on the terminal and a JSON file in benchmarks/results."""

from unsup_jax import huge_pages

if __name__ == "__main__":
    huge_pages.restart()

import json
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax
import tyro

from benchmarks import operators, real, steps, trust, variational
from unsup_jax.train import parallel

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Benchmark:
    """Median times; compare within a run, since machines are shared."""

    what: tyro.conf.Positional[Literal["steps", "operators", "real", "latents", "trust"]]
    """Training steps and reconstruction; forward operators and solvers; classical and zero-shot methods on real data; or
    the poses that a spatial-VAE infers or, of a file of digits, the bound of a VAE; or whether blind statistics rank methods as the truth
    does."""
    peers: bool = False
    """Also measure the peers (the extra `peers`) on the same CPU, and print the ratio of their time to ours."""
    repeats: int = 10
    """Timed calls of each case."""
    data: Path = Path("../shared/data")
    """Folder of the real data; for latents, a volume (.mrc) or a file of digits."""
    only: str = ""
    """Measure the families whose name holds this: blur, radon, sense, nufft, cryo_em, diffraction, solvers, collaborative,
    calibration; of steps: unet, unrolled, spatial_vae, adversarial, conditional, transport, cryogan, score, one_image,
    reconstruction; of trust: gaussian, poisson_gaussian, deconvolution, mri; of real data:
    parallel_mri, zero_shot, spirals, slices, tomography, diffraction, cell, deconvolution, ptychography, cryo_em, fluorescence."""


def main(benchmark: Benchmark) -> None:
    """Measure, print, store."""
    parallel.configure()
    if benchmark.peers and jax.default_backend() != "cpu":
        sys.exit(f"error: the peers are measured on the CPU and ours on the {jax.default_backend()}; leave --peers out, or set JAX_PLATFORMS=cpu")
    jax.config.update("jax_enable_compilation_cache", False)  # compile times are measured
    if benchmark.what == "steps":
        rows = steps.measure(benchmark.repeats, benchmark.peers, benchmark.only)
    elif benchmark.what == "real":
        rows = real.measure(benchmark.data, benchmark.only)
    elif benchmark.what == "latents":
        rows = variational.latents(benchmark.data)
    elif benchmark.what == "trust":
        rows = trust.measure(benchmark.only)
    else:
        rows = operators.measure(benchmark.repeats, benchmark.peers, benchmark.only)
    kept = []
    columns = ["case", "who", "wall_ms", "cpu_ms", "compile_s", "memory_mb", "note"]
    print("  ".join([f"{columns[0]:52}", f"{columns[1]:10}", *(f"{c:>10}" for c in columns[2:6]), columns[6]]))
    for row in rows:
        kept.append(row)
        numbers = [f"{row[c]:10.1f}" if row.get(c) is not None else " " * 9 + "–" for c in columns[2:6]]
        print("  ".join([f"{row['case']:52}", f"{row['who']:10}", *numbers, row.get("note", "")]), flush=True)
    RESULTS.mkdir(exist_ok=True)
    name = "-".join(filter(None, [time.strftime("%Y-%m-%d"), benchmark.what, benchmark.only, jax.default_backend()]))
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({
        "date": time.strftime("%Y-%m-%d"), "devices": parallel.describe(), "jax": jax.__version__,
        "machine": platform.machine(), "rows": kept,
    }, indent=2) + "\n")
    print(f"stored in {path}")


if __name__ == "__main__":
    main(tyro.cli(Benchmark))
