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
    parser.add_argument("--records", type=Path, help="read batches of a prepared data set, and train nothing")
    parser.add_argument("--game", action="store_true", help="two players, with their averages, power iterations and a penalty")
    arguments = parser.parse_args()

    from unsup_jax.train import parallel

    parallel.configure()
    if arguments.coordinator:
        parallel.join(arguments.coordinator, 2, arguments.process)
    if arguments.records:
        return read(arguments.records, arguments.steps, arguments.batch)
    import jax
    from helpers import noisy_images, run_fit

    from unsup_jax.core import Adam
    from unsup_jax.losses.games import GradientPenalty, SpectralNorm
    from unsup_jax.methods import WGAN, Noise2Void
    from unsup_jax.networks import ConvCritic, ConvGenerator, DnCNN

    method = Noise2Void(network=DnCNN(depth=2, width=4), optimizer=Adam(learning_rate=1e-3), fraction=0.05)
    optimizer = Adam(1e-3, b1=0.0, average=0.9)
    game = WGAN(
        generator=ConvGenerator(width=4, depth=1), critic=ConvCritic(width=4, depth=1), n_critic=2,
        regularizers=(GradientPenalty(), SpectralNorm()), generator_optimizer=optimizer, critic_optimizer=optimizer,
    )

    def on_step(step):
        print("step", step, flush=True)

    settings = {"checkpoint_every": arguments.checkpoint_every} if arguments.checkpoint_every else {}
    if arguments.game:
        method, settings["unpaired"] = game, [m.truth for m in noisy_images()]
    state = run_fit(method, steps=arguments.steps, batch=arguments.batch, directory=arguments.directory, on_step=on_step, **settings)
    if parallel.is_main():
        state = parallel.local(state)
        kept = jax.tree.leaves(state if arguments.game else state.trained.params)
        np.savez(arguments.directory / "result.npz", **{f"{i:03d}": np.asarray(leaf) for i, leaf in enumerate(kept)})


def read(folder, batches, batch):
    """Print which records this process reads for its share of each batch."""
    from unsup_jax.data import Data, Stream
    from unsup_jax.modalities import Camera
    from unsup_jax.train import parallel

    class Noting:
        def __init__(self, source):
            self.source, self.read = source, []

        def __getitem__(self, place):
            self.read.append(place)
            return self.source[place]

    measured, _ = Data(path=str(folder), patch=8).measure(Camera(), 0)
    source = Noting(measured[0].y._source)
    for one in measured:
        one.y._source = source
    index, count = parallel.process()
    for share in Stream(measured, batch=batch, patch=8, augment=False, seed=0).fixed(batches, count, index):
        assert [int(place) for place in share.index] == source.read
        print("read", *source.read, flush=True)
        source.read.clear()


if __name__ == "__main__":
    sys.exit(main())
