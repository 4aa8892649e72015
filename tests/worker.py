"""A small training in a process of its own, for tests that kill it or run two of it."""

import argparse
import sys
from pathlib import Path

import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("steps", type=int)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--checkpoint-every", type=int)
    parser.add_argument("--coordinator")
    parser.add_argument("--process", type=int, default=0)
    arguments = parser.parse_args()

    from unsup_jax.train import parallel

    parallel.configure()
    if arguments.coordinator:
        parallel.join(arguments.coordinator, 2, arguments.process)
    import jax
    from helpers import run_fit

    from unsup_jax.core import Adam
    from unsup_jax.methods import Noise2Void
    from unsup_jax.networks import DnCNN

    method = Noise2Void(network=DnCNN(depth=2, width=4), optimizer=Adam(learning_rate=1e-3), fraction=0.05)

    def on_step(step):
        print("step", step, flush=True)

    settings = {"checkpoint_every": arguments.checkpoint_every} if arguments.checkpoint_every else {}
    state = run_fit(method, steps=arguments.steps, batch=arguments.batch, directory=arguments.directory, on_step=on_step, **settings)
    if parallel.is_main():
        params = jax.tree.leaves(parallel.local(state).trained.params)
        np.savez(arguments.directory / "result.npz", **{f"{i:03d}": np.asarray(leaf) for i, leaf in enumerate(params)})


if __name__ == "__main__":
    sys.exit(main())
