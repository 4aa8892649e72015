"""What `make soak` found, of each kind of file once: refused in one line, by readers that take no more memory than they need."""

import gzip
import struct

import numpy as np
import pytest

from unsup_jax.data import Data
from unsup_jax.errors import InputError
from unsup_jax.files import open_image
from unsup_jax.modalities import Camera, ElectronMicroscope, FourierPtychographicMicroscope, Scanner, Tomograph


def cut(path, content):
    path.write_bytes(content[: len(content) // 2])
    return path


def hdf5(path, name):
    import h5py

    with h5py.File(path, "w") as file:
        file[name] = np.ones((1, 2, 8, 8), np.complex64)
    return path.read_bytes()


@pytest.mark.parametrize("modality, name, content", [
    (Scanner(), "a.h5", lambda path: hdf5(path, "kspace")),
    (Tomograph(), "a.h5", lambda path: hdf5(path, "exchange/data")),
    (Camera(), "a.h5", lambda path: hdf5(path, "data")),
    (FourierPtychographicMicroscope(), "a.mat", lambda path: b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM" + bytes(64)),
    (ElectronMicroscope(), "a.star", lambda path: b"data_particles\nloop_\n_rlnImageName #1\n_rlnDefocusU\n1 2 3 4\nx"),
    (Scanner(), "k.npy", lambda path: b"\x93NUMPY\x02\0" + struct.pack("<I", 2**31) + 200 * b"{"),
])
def test_half_a_file_is_refused_by_its_name(tmp_path, modality, name, content):
    path = tmp_path / name
    cut(path, content(path))
    with pytest.raises(InputError, match=name):
        Data(path=str(path)).measure(modality, 0)


def test_a_compressed_bomb_is_not_unpacked(tmp_path):
    """A header of 16 x 16 pixels before 64 MB of zeros: the pixels alone are read; of no header, nothing."""
    import mrcfile

    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(np.arange(256, dtype=np.float32).reshape(16, 16))
    whole, bomb = (tmp_path / "a.mrc").read_bytes(), tmp_path / "bomb.mrc.gz"
    bomb.write_bytes(gzip.compress(whole + bytes(2**26), 1))
    np.testing.assert_array_equal(np.asarray(open_image(bomb).array), np.arange(256).reshape(16, 16))
    bomb.write_bytes(gzip.compress(bytes(2**26), 1))
    with pytest.raises(InputError, match="bomb.mrc.gz"):
        open_image(bomb)
    (tmp_path / "a.mrc").write_bytes(whole[:92] + struct.pack("<i", 2**31 - 1) + whole[96:])   # an extended header of 2 GB
    with pytest.raises(InputError, match="fewer than its header says"):
        open_image(tmp_path / "a.mrc")


def test_a_pipe_is_no_file(tmp_path):
    import os

    os.mkfifo(tmp_path / "a.tif")
    for take in (open_image, lambda path: Data(path=str(path)).measure(Camera(), 0)):
        with pytest.raises(InputError, match="a pipe or a device"):
            take(tmp_path / "a.tif")
