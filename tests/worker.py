"""A small training in a process of its own, for tests that kill it or run two of it."""

import argparse
import sys
from pathlib import Path

import numpy as np


class Stop(Exception):
    pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("steps", type=int)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--checkpoint-every", type=int)
    parser.add_argument("--stop-after", type=int)
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
    from unsup_jax.networks import UNet

    method = Noise2Void(network=UNet(depth=1, width=4), optimizer=Adam(learning_rate=1e-3), fraction=0.05)

    def on_step(step):
        print("step", step, flush=True)
        if step == arguments.stop_after:
            raise Stop

    settings = {"checkpoint_every": arguments.checkpoint_every} if arguments.checkpoint_every else {}
    try:
        state = run_fit(method, steps=arguments.steps, batch=arguments.batch, directory=arguments.directory, on_step=on_step, **settings)
    except Stop:
        print("stopped after", arguments.stop_after)
        return
    if parallel.is_main():
        params = jax.tree.leaves(parallel.local(state).trained.params)
        np.savez(arguments.directory / "result.npz", **{f"{i:03d}": np.asarray(leaf) for i, leaf in enumerate(params)})


if __name__ == "__main__":
    sys.exit(main())
