"""Devices: the one file that names them.

An update is mapped over the axis "replica" of the devices of all processes, as many of them as divide the batch;
`core.mean_gradient` averages the gradients over it. State is replicated, a batch is split; both look the same on any
number of devices.

ONE measurement that outgrows a device is split over the axis "slices": each device holds a slab of x, of y and of what the
operator knows of them, H works on each slab by itself, and XLA exchanges the faces of slabs and sums over them for what the
method does beside.
"""

import ctypes
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import struct
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from unsup_jax import user_folders
from unsup_jax.core import LinearOperator, Measurement
from unsup_jax.core.optimizer import REPLICA
from unsup_jax.errors import InputError

SLICES = "slices"


def configure(cache: Path | None = None) -> None:
    """Settings that must precede JAX's first computation; nothing else in the library touches them.

    On a CPU: one JAX device a core, so that data-parallel training uses them all, unless XLA_FLAGS or
    JAX_NUM_CPU_DEVICES already say how many; one thread more, by NPROC, since a callback to the host holds that of its device and waits
    for its argument's copy, which takes another one (on one core it waited for ever); and a malloc that keeps its pages, since the pages of a step's
    buffers, returned and faulted in again at each step, cost a tenth of its time. (Not a single arena, which would
    keep them best: once a compilation has fragmented it, the devices wait for its lock a quarter of the time. Buffers
    of more than 64 MB are returned even so: a program that has them begins with `huge_pages.restart()`.)
    Everywhere: compiled programs are kept below `cache`, by default the user's cache directory, where that can be written.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", "") and "JAX_NUM_CPU_DEVICES" not in os.environ:
        jax.config.update("jax_num_cpu_devices", cores)
    leave_room_for_callbacks()
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mmap_max, trim_threshold = -4, -1
        mallopt(mmap_max, 0), mallopt(trim_threshold, 2**31 - 1)
    except OSError:
        pass  # not the GNU C library: its allocator has no such setting
    cache = cache.absolute() if cache else user_folders.cache()
    jax.config.update("jax_compilation_cache_dir", str(cache) if _writable(cache) else None)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def leave_room_for_callbacks() -> None:
    """One thread more than cores, of a backend that is not set up yet; of a program that is no command line, too."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("NPROC", str(cores + 1))


def _writable(folder):
    if not folder.is_absolute():
        return False  # nobody's home is known
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))  # a full disk opens files, and holds nothing
        return True
    except OSError:
        return False


def keeps_programs() -> bool:
    """Whether what is compiled is kept for the next run."""
    return jax.config.jax_compilation_cache_dir is not None


def join(coordinator: str, processes: int, process: int) -> None:
    """Join a training of several processes, one a host; the first one listens at `coordinator` (host:port).

    Under "auto" the cluster says all three: SLURM, Open MPI, Kubernetes, or the hosts of a TPU. `InputError` where there is none of them.
    """
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if coordinator != "auto":
        jax.distributed.initialize(coordinator, num_processes=processes, process_id=process)
        return
    try:
        jax.distributed.initialize()
    except ValueError as error:
        raise InputError("--coordinator auto finds no SLURM, Open MPI, Kubernetes or TPU here; give host:port, --processes and --process") from error


def process() -> tuple[int, int]:
    """(index of this process, number of processes)."""
    return jax.process_index(), jax.process_count()


def is_main() -> bool:
    """Whether this process writes logs and reports."""
    return jax.process_index() == 0


def describe() -> str:
    """The devices in words."""
    devices = jax.devices()
    hosts = f" in {jax.process_count()} processes" if jax.process_count() > 1 else ""
    return f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform}){hosts}"


def everywhere(state: Any) -> Any:
    """The same state as arrays that span all processes, as a checkpoint stores it once for all."""
    if jax.process_count() == 1:
        return state
    sharding = everywhere_sharding()
    return jax.tree.map(
        lambda leaf: jax.make_array_from_callback(leaf.shape, sharding, lambda _: np.asarray(leaf.addressable_data(0))), state
    )


def everywhere_sharding() -> NamedSharding:
    """The placement of a stored state: whole on every device of every process."""
    return _whole_on(jax.devices())


def _whole_on(devices):
    return NamedSharding(Mesh(np.array(devices), (REPLICA,)), PartitionSpec())


def local(state: Any) -> Any:
    """A replicated state as arrays on one device of this process."""
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), state)


@dataclass(frozen=True)
class Replicas:
    """The devices that an update is mapped over, one share of the batch each."""

    devices: tuple[jax.Device, ...]
    """Process by process, the same number of each."""
    process: tuple[int, int]
    """(index of this process, number of processes) among those that share a batch."""

    @classmethod
    def of(cls, batch: int) -> "Replicas":
        """As many devices as divide a batch of this size evenly.

        Processes that cannot share it evenly each train on the whole of it: the same steps, so the same parameters.
        """
        index, count = process()
        by_process = [[d for d in jax.devices() if d.process_index == p] for p in range(count)]
        if batch % count:
            index, count, by_process = 0, 1, [jax.local_devices()]
        share, most = batch // count, min(map(len, by_process))
        each = max(n for n in range(1, most + 1) if share % n == 0)
        return cls(tuple(d for devices in by_process for d in devices[:each]), (index, count))

    def describe(self) -> str:
        """The devices in words."""
        if len(self.devices) == jax.device_count():
            return describe()
        return f"{len(self.devices)} of {describe()}, as many as divide the batch"

    def place(self, state: Any) -> Any:
        """A state whole on every one of the devices of this process, as the mapped functions take and return it."""
        return jax.device_put(state, _whole_on(self._local()))

    def shard(self, batch: Any) -> Any:
        """This process's share of a batch, its leading axis split among its devices."""
        count = len(self._local())
        return jax.tree.map(lambda leaf: np.reshape(leaf, (count, len(leaf) // count, *np.shape(leaf)[1:])), batch)

    def map(self, function: Callable) -> Callable:
        """pmap of `function(key, state, batch)`: key and state for all, a share of the batch for each.

        What it returns must be the same on every replica, and is returned once.
        """
        return jax.pmap(function, axis_name=REPLICA, in_axes=(None, None, 0), out_axes=None, devices=self.devices)

    def _local(self):
        return [d for d in self.devices if d.process_index == jax.process_index()]


def spread(function: Callable) -> Callable[..., Iterator[tuple[Any, float]]]:
    """`function(key, state, item)` of many independent items, one at a time on each device of this process.

    Returns `over(key, state, items, count, most=None)`, which yields (result, seconds) of each of `count` items of one
    shape, in their order: `items` are read as they are needed, the seconds are the item's part of its turn, compilation
    apart. Of the devices, at most `most`, as few compute as need no more turns, so that little is computed in vain.
    """
    programs = {}

    def over(key, state, items: Iterable, count: int, *, most: int | None = None):
        devices = jax.local_devices()[:most]
        turns = -(-count // len(devices))
        devices = devices[: -(-count // turns)]
        common, structure = jax.tree.flatten((key, state))          # pmap miscounts the arrays of an argument that holds a None
        common = jax.device_put(common, _whole_on(devices))
        mapped = lambda common, item: function(*jax.tree.unflatten(structure, common), item)
        items = iter(items)
        while turn := list(itertools.islice(items, len(devices))):
            filled = turn + turn[-1:] * (len(devices) - len(turn))  # one shape, one compilation
            filled = jax.tree.map(lambda *leaves: np.stack(leaves), *filled)
            shape = str(jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (common, filled)))
            if shape not in programs:
                programs[shape] = jax.pmap(mapped, in_axes=(None, 0), devices=devices).lower(common, filled).compile()
            began = time.monotonic()
            results = jax.tree.map(np.asarray, programs[shape](common, filled))
            seconds = (time.monotonic() - began) / len(turn)
            for k in range(len(turn)):
                yield jax.tree.map(lambda leaf: leaf[k], results), seconds

    return over


@dataclass(frozen=True)
class Slabs:
    """The devices that share ONE measurement, and where each array counts slices."""

    devices: tuple[jax.Device, ...]
    shape: tuple[int, ...]
    """That of x."""
    x: int
    """The axis of x that counts slices."""
    y: int
    """The axis of y that does."""
    arrays: tuple[tuple[str, int], ...]
    """Fields of the operator that are different for each slice, and their axis that counts slices."""

    @classmethod
    def of(cls, measurement: Measurement, count: int | None = None) -> "Slabs":
        """`count` devices, or as many as share the slices of a measurement evenly.

        Raises `InputError` where there are not so many, or the operator mixes slices, or they cannot be shared evenly.
        """
        H, y, devices = measurement.operator, measurement.y, jax.local_devices()
        if count is not None and not 1 <= count <= len(devices):
            raise InputError(f"{count} devices were asked for; there are {len(devices)}")
        slices = H.slices(y) if H.linear else None
        if slices is None:
            raise InputError(f"data of shape {tuple(y.shape)} by {type(H).__name__} cannot be shared by devices: it mixes the slices of its image")
        shape = H.domain(y).shape
        height, most = shape[slices.x], min(count or len(devices), shape[slices.x])
        evenly = max(n for n in range(1, most + 1) if height % n == 0)
        if count not in (None, evenly):
            raise InputError(f"{height} slices cannot be shared evenly by {count} devices; {evenly} of them can")
        return cls(tuple(devices[:evenly]), shape, slices.x, slices.y, tuple(slices.arrays.items()))

    def describe(self) -> str:
        """Who holds what, in words."""
        count, height = len(self.devices), self.shape[self.x]
        of = "" if count == len(jax.local_devices()) else f" of {len(jax.local_devices())}"
        return f"{height} slices of {' x '.join(map(str, self.shape))} shared by {count}{of} devices, {height // count} each"

    def place(self, measurement: Measurement) -> Measurement:
        """The measurement with a slab of it on each device, by an operator that works slab by slab."""
        slices = measurement.operator.slices(measurement.y)
        own = self._of_operator(slices.operator)
        operator = jax.tree.map(lambda leaf, spec: jax.device_put(leaf, self._on(spec)), slices.operator, own)
        rest = jax.device_put(measurement.replace(y=None, operator=None), self._on(PartitionSpec()))
        return rest.replace(y=jax.device_put(slices.of_y(measurement.y), self._on(_along(self.y))), operator=Slabwise(operator, self))

    def spread(self, function: Callable) -> Callable[..., Iterator[tuple[Any, float]]]:
        """`function(key, state, item)` as `spread` has it, but of one item after another, each on all these devices.

        The measurements in the items are `place`d. What has the shape of x is held in slabs, all else whole on each device.
        """
        programs = {}

        def over(key, state, items: Iterable, count: int, *, most: int | None = None):
            for item in itertools.islice(items, count):
                given = jax.tree.map(lambda leaf: leaf if self._holds(leaf) else jax.device_put(leaf, self._of(leaf)), (key, state, item))
                shape = str(jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), given))
                if shape not in programs:
                    programs[shape] = self.program(function, *given)
                began = time.monotonic()
                result = jax.block_until_ready(programs[shape](*given))
                yield result, time.monotonic() - began

        return over

    def program(self, function: Callable, *given: Any) -> jax.stages.Compiled:
        """`function` of arrays that lie on these devices, compiled for them; what it makes is held as `spread` says."""
        held = lambda leaf: jax.lax.with_sharding_constraint(leaf, self._of(leaf))
        return jax.jit(lambda *given: jax.tree.map(held, function(*given))).lower(*given).compile()

    def by_slabs(self, function: Callable, operator: LinearOperator, array: Array, start: int, end: int) -> Array:
        """`function(operator, array)` of each slab by itself, where slices are counted by axis `start` of the array and `end` of the result."""
        return jax.shard_map(
            function, mesh=self._mesh(), in_specs=(self._of_operator(operator), _along(start)), out_specs=_along(end), check_vma=False,
        )(operator, array)

    def _mesh(self):
        return Mesh(np.array(self.devices), (SLICES,))

    def _on(self, spec):
        return NamedSharding(self._mesh(), spec)

    def _of(self, leaf):
        return self._on(_along(self.x) if np.shape(leaf) == self.shape else PartitionSpec())

    def _of_operator(self, operator):
        own = {name: _along(axis) for name, axis in self.arrays}
        return jax.tree.map(lambda _: PartitionSpec(), operator).replace(**own)

    def _holds(self, leaf):
        return isinstance(leaf, jax.Array) and leaf.sharding.device_set == set(self.devices)


def _along(axis):
    """The axis that slabs are cut along."""
    return PartitionSpec(*[None] * axis, SLICES)


class Slabwise(LinearOperator):
    """H of slices that lie on several devices, which each sees a slab of: to a method any linear operator."""

    operator: LinearOperator
    slabs: Slabs = struct.field(pytree_node=False)

    @property
    def identity(self) -> bool:
        """Whether H is."""
        return self.operator.identity

    @property
    def isometric(self) -> bool:
        """Whether H is."""
        return self.operator.isometric

    @property
    def projects(self) -> bool:
        """Whether H does."""
        return self.operator.projects

    def __call__(self, x: Array) -> Array:
        return self.slabs.by_slabs(lambda H, x: H(x), self.operator, x, self.slabs.x, self.slabs.y)

    def adjoint(self, y: Array) -> Array:
        return self.slabs.by_slabs(lambda H, y: H.adjoint(y), self.operator, y, self.slabs.y, self.slabs.x)

    def normal(self, x: Array) -> Array:
        return self.slabs.by_slabs(lambda H, x: H.normal(x), self.operator, x, self.slabs.x, self.slabs.x)

    def back_project(self, y: Array, *, window: str = "ram-lak") -> Array:
        return self.slabs.by_slabs(lambda H, y: H.back_project(y, window=window), self.operator, y, self.slabs.y, self.slabs.x)

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(self.slabs.shape, self.operator.domain(y).dtype)


def samples_at_once(numbers: int) -> int | None:
    """How many samples of so many numbers a device had best take together: on a CPU, as many as a core's cache holds."""
    cached = 8192                                                  # of y, whose feature maps fit: two images of 64^2
    return max(1, cached // numbers) if jax.default_backend() == "cpu" else None


def local_device_count() -> int:
    """Devices of this process."""
    return jax.local_device_count()
