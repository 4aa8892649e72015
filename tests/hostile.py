"""Files that mean harm or are damaged, made here, each given to the reader of its instrument in a process of its own; see `soak.py`."""

import gzip
import json
import os
import pickle
import shutil
import signal
import struct
import time
import zlib
from pathlib import Path

import numpy as np

SECONDS, BYTES = 30, 2**30
"""What a reader may take of a file of a few kB."""


class Broken(Exception):
    """What a soak test found."""


def good(folder):
    """A small file of each kind that is read: {name: the instrument's name}."""
    import h5py
    import mrcfile
    import pandas as pd
    import scipy.io
    import starfile

    from unsup_jax.files import write_image

    g = np.random.default_rng(0)
    image, volume = np.float32(g.random((24, 20)) * 200), np.float32(g.random((4, 16, 16)))
    made = {}
    for name in ("a.tif", "a.ome.tif", "a.npy", "a.h5", "a.zarr", "a.mrc", "a.mrc.gz"):
        write_image(folder / name, image, "YX")
        made[name] = "Camera"
    for name in ("a.png", "a.jpg"):
        write_image(folder / name, image.astype(np.uint8), "YX")
        made[name] = "Camera"
    k = np.complex64(g.standard_normal((1, 2, 16, 16)) + 1j * g.standard_normal((1, 2, 16, 16)))
    np.save(folder / "k.npy", k)
    (folder / "k.hdr").write_text("# Dimensions\n16 16 1 2\n")
    (folder / "k.cfl").write_bytes(k.tobytes())
    with h5py.File(folder / "fast.h5", "w") as file:
        file["kspace"] = k
    with h5py.File(folder / "exchange.h5", "w") as file:
        file["exchange/data"], file["exchange/theta"] = np.float32(1 + g.random((6, 2, 16))), np.linspace(0, 150, 6)
        file["exchange/data_white"], file["exchange/data_dark"] = np.full((1, 2, 16), 2, np.float32), np.zeros((1, 2, 16), np.float32)
    made |= {"k.npy": "Scanner", "k.cfl": "Scanner", "fast.h5": "Scanner", "exchange.h5": "Tomograph"}
    with mrcfile.new(folder / "stack.mrcs") as file:
        file.set_data(volume)
    optics = {"rlnOpticsGroup": [1], "rlnVoltage": [300.0], "rlnSphericalAberration": [2.7], "rlnAmplitudeContrast": [0.1], "rlnImagePixelSize": [3.0]}
    named = {"rlnImageName": [f"{i + 1:06d}@stack.mrcs" for i in range(4)], "rlnOpticsGroup": 1}
    turned = {name: [0.0, 10.0, 20.0, 30.0] for name in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst")}
    seen = {"rlnDefocusU": 1e4, "rlnDefocusV": 1e4, "rlnDefocusAngle": 0.0}
    starfile.write({"optics": pd.DataFrame(optics), "particles": pd.DataFrame({**named, **turned, **seen})}, folder / "a.star")
    scipy.io.savemat(folder / "leds.mat", {"imlow_HDR": np.moveaxis(volume, 0, -1), "wlength": 6e-7})
    return made | {"a.star": "ElectronMicroscope", "leds.mat": "FourierPtychographicMicroscope"}


def hostile(folder):
    """Write the files: [(name, instrument, what it is)]."""
    whole = folder / "good"
    whole.mkdir()
    if (pid := os.fork()) == 0:                                      # so that no child inherits threads that it has not
        (folder / "made.json").write_text(json.dumps(good(whole)))
        os._exit(0)
    os.waitpid(pid, 0)
    made, files = json.loads((folder / "made.json").read_text()), []
    g = np.random.default_rng(1)

    def beside(name, what, change):
        """A file in a folder of its own, beside what the good one stands beside."""
        place = folder / f"{len(files):03d}"
        shutil.copytree(whole, place)
        target = place / name
        change(target)
        files.append((target, made.get(name, "Camera"), what))

    def rewritten(change):
        def of(target):
            for path in [target] if target.is_file() else [p for p in target.rglob("*") if p.is_file()]:
                path.write_bytes(change(path.read_bytes()))

        return of

    def flipped(count, first):
        def of(data):
            data = bytearray(data)
            for place in g.integers(0, max(1, min(len(data), first)), count) if data else ():
                data[place] ^= int(g.integers(1, 256))
            return bytes(data)

        return of

    for name in made:
        for part in (0, 0.02, 0.3, 0.9):
            beside(name, "truncated", rewritten(lambda data, part=part: data[: int(part * len(data))]))
        for count, first in ((1, 64), (8, 256), (40, 10**9)):
            beside(name, "damaged", rewritten(flipped(count, first)))
        beside(name, "zeros", rewritten(lambda data: bytes(len(data))))
        beside(name, "random bytes", rewritten(lambda data: g.bytes(len(data))))
        beside(name, "a pickle", rewritten(lambda data: pickle.dumps(_Trap(folder / "escaped"))))
        beside(name, "a link to itself", lambda target: (_remove(target), target.symlink_to(target)))

    def saved(array):
        return lambda target: np.save(target, array, allow_pickle=True)

    ones = np.ones((24, 20), np.float32)
    for value in (np.nan, np.inf):
        broken = ones.copy()
        broken[3, 4] = value
        beside("a.npy", "not finite", saved(broken))
    for odd in (np.array([["a", "b"]]), np.array([object()]), np.zeros(3, [("a", "f4")]), np.array("2020", "M8[Y]"), np.zeros((0, 4)), np.float32(1), np.ones((2,) * 9)):
        beside("a.npy", "another type or shape", saved(odd))
    for shape in ((10**6, 10**6), (2**40, 2**40, 4), (-3, 5)):
        header = repr({"descr": "<f4", "fortran_order": False, "shape": shape}).ljust(117).encode() + b"\n"
        beside("a.npy", "a huge header", lambda target, h=header: target.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(h)) + h))
    beside("a.npy", "a huge header", lambda target: target.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{" * 100))
    chunk = lambda tag, data: struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
    bomb = lambda width: b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0)) + chunk(
        b"IDAT", zlib.compress(bytes(2**20))) + chunk(b"IEND", b"")
    for width in (60_000, 2**31 - 1):
        beside("a.png", "a bomb", lambda target, w=width: target.write_bytes(bomb(w)))
    beside("a.mrc.gz", "a bomb", lambda target: target.write_bytes(gzip.compress(bytes(2**30), 1)))
    for n in ((30_000, 30_000, 100), (-1, 5, 5), (2**31 - 1,) * 3):
        beside("a.mrc", "a huge header", lambda target, n=n: target.write_bytes(struct.pack("<4i", *n, 2) + target.read_bytes()[16:]))
    tags = lambda width: b"II*\0" + struct.pack("<IH", 8, 4) + b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, width), (257, width), (273, 8), (279, 100))) + bytes(4)
    for width in (100_000, 2**32 - 1):
        beside("a.tif", "a huge header", lambda target, w=width: target.write_bytes(tags(w)))
    beside("a.tif", "a loop", lambda target: target.write_bytes(b"II*\0" + struct.pack("<IHI", 8, 0, 8)))
    beside("k.cfl", "a huge header", lambda target: target.with_suffix(".hdr").write_text("# Dimensions\n1000000 1000000 1 8\n"))
    beside("k.cfl", "another type or shape", lambda target: target.with_suffix(".hdr").write_text("# Dimensions\n-4 x 3\n"))
    stars = lambda old, new: lambda target: target.write_text(target.read_text().replace(old, new))
    for new in ("../../../../../etc/passwd", "/etc/passwd", "/dev/zero", "~/.ssh/id_rsa", "stack.mrcs\0"):
        beside("a.star", "a path that escapes", stars("stack.mrcs", new))
    beside("a.star", "a huge header", stars("000001@", "99999999999@"))
    for new in ("1e999", "nan", "x"):
        beside("a.star", "not finite", stars("10.0", new))
    for place in ("/etc/passwd", "/dev/zero", "/nowhere"):
        for name in ("a.tif", "k.npy", "a.star"):
            beside(name, "a link elsewhere", lambda target, place=place: (_remove(target), target.symlink_to(place)))
    for name in ("a.tif", "k.cfl", "leds.mat"):
        beside(name, "a folder", lambda target: (_remove(target), target.mkdir()))
    for name in ("a.tif", "a.npy", "k.npy", "fast.h5"):
        beside(name, "a pipe", lambda target: (_remove(target), os.mkfifo(target)))
    for other in ("a.png", "a.npy", "a.h5"):
        beside("a.tif", "another format", lambda target, other=other: shutil.copy(whole / other, target))
    return files


class _Trap:
    """What would write a file where it were unpickled."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


def _remove(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def read(path, instrument):
    """In a process of its own: how its instrument takes a file. "read", "refused: ..." or "broken: ..."."""
    inside, outside = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(inside)
        words = "broken: nothing was said"
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1), os.dup2(null, 2)
            words = _taken(path, instrument)
        except BaseException as error:
            words = f"broken: {type(error).__name__}: {error}"
        finally:
            os.write(outside, words.encode(errors="replace")[:60_000])
            os._exit(0)
    os.close(outside)
    began, before = time.monotonic(), _memory(pid)
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() - began > SECONDS or _memory(pid) > before + BYTES:
            os.kill(pid, signal.SIGKILL)
            break
        time.sleep(0.01)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(inside, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    return said or f"broken: ended by signal {os.WTERMSIG(status)} after {time.monotonic() - began:.1f} s, at {SECONDS} s or {BYTES // 2**20} MB at most"


def _memory(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _taken(path, instrument):
    import jax

    from unsup_jax import modalities
    from unsup_jax.data import Data
    from unsup_jax.data.parts import in_memory
    from unsup_jax.errors import InputError

    try:
        for one in Data(path=str(path)).measure(getattr(modalities, instrument)(), 0)[0]:
            if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((in_memory(one).y, one.operator))):
                return "broken: numbers that are not finite were taken"
        return "read"
    except InputError as error:
        words = str(error)
        return f"refused: {words}" if "\n" not in words and len(words) < 1000 else f"broken: not one line: {words}"


def judge(folder):
    """What became of the files, by kind: [kind, files, read, refused]; raises `Broken` with those that neither was done to."""
    import unsup_jax.data  # noqa: F401  that a child need not import it
    import unsup_jax.modalities  # noqa: F401

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = hostile(folder)
    rows, broken = {}, []
    for path, instrument, what in files:
        said = read(path, instrument)
        row = rows.setdefault(what, [0, 0, 0])
        row[0] += 1
        row[1] += said == "read"
        row[2] += said.startswith("refused")
        if said.startswith("broken"):
            broken.append(f"{path.parent.name}/{path.name}, {what}: {said[:300]}")
        print(f"{path.parent.name}/{path.name}, {what}: {said[:200]}", flush=True)
    if (folder / "escaped").exists():
        broken.append("a pickle was performed")
    if broken:
        raise Broken("\n".join(broken))
    return [[what, *row] for what, row in sorted(rows.items())]
