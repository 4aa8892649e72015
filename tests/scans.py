"""Scans that several tests write: their headers, lines and noise, as an ISMRMRD file holds them."""

import numpy as np
from helpers import centred_kspace


def unitary(transform, array, axes):
    """A unitary FFT with zero frequency, and the image's centre, in the middle."""
    return np.fft.fftshift(transform(np.fft.ifftshift(array, axes), axes=axes, norm="ortho"), axes).astype(np.complex64)


def slices(count=2, **settings):
    return np.stack([centred_kspace(seed, **settings)[0] for seed in range(1, 1 + count)])


def xml(encoded, wanted, fields, *, centre=None, trajectory="cartesian", bandwidth=1):
    """The header of a scan: matrices and fields of view, both (encoded, wanted), and zero frequency among the counted steps."""
    space = lambda name, matrix, field: f"<{name}>" + "".join(
        f"<{kind}>" + "".join(f"<{axis}>{n}</{axis}>" for axis, n in zip("xyz", sizes)) + f"</{kind}>"
        for kind, sizes in (("matrixSize", matrix), ("fieldOfView_mm", field))) + f"</{name}>"
    limit = lambda i, middle: f"<kspace_encoding_step_{i}><minimum>0</minimum><maximum>{2 * middle - 1}</maximum><center>{middle}</center></kspace_encoding_step_{i}>"
    middles = [n // 2 for n in encoded[1:]] if centre is None else [centre, encoded[2] // 2]
    return f"""<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><acquisitionSystemInformation>
        <relativeReceiverNoiseBandwidth>{bandwidth}</relativeReceiverNoiseBandwidth><coilLabel><coilNumber>0</coilNumber><coilName>HEA</coilName>
        </coilLabel></acquisitionSystemInformation><experimentalConditions><H1resonanceFrequency_Hz>1</H1resonanceFrequency_Hz></experimentalConditions>
        <encoding>{space("encodedSpace", encoded, fields[0])}{space("reconSpace", wanted, fields[1])}<encodingLimits>{limit(1, middles[0])}
        {limit(2, middles[1])}</encodingLimits><trajectory>{trajectory}</trajectory></encoding></ismrmrdHeader>"""


def write_acquisitions(path, header, acquisitions):
    """An ISMRMRD file of (samples [coil, sample], trajectory [sample, dimension] or None, what its header says beside them)."""
    import ismrmrd

    with ismrmrd.Dataset(path, mode="w") as file:
        file.write_xml_header(header.encode())
        for samples, trajectory, said in acquisitions:
            places = () if trajectory is None else (np.asarray(trajectory, np.float32),)
            a = ismrmrd.Acquisition.from_array(np.ascontiguousarray(samples, np.complex64), *places)
            for name, value in said.items():
                if name == "flag":
                    a.set_flag(getattr(ismrmrd, value))
                elif hasattr(a.idx, name):
                    setattr(a.idx, name, value)
                else:
                    setattr(a, name, value)
            file.append_acquisition(a)
    return path


def lines(kspace, **said):
    """The lines of k-space [coil, read-out, phase], or [coil, read-out, phase, partition], whole and about their middle."""
    kspace = kspace.reshape(*kspace.shape[:3], -1)
    return [
        (kspace[:, :, p, z], None, {"center_sample": kspace.shape[1] // 2, "kspace_encode_step_1": p, "kspace_encode_step_2": z, **said})
        for p in range(kspace.shape[2]) for z in range(kspace.shape[3])
    ]
