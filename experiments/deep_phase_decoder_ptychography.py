"""The phase of simulated nuclei by Fourier ptychography, 25 LEDs, through a lens whose aberrations nobody knows.

python -m experiments run deep_phase_decoder_ptychography

32 seconds of one CPU core; two specimens, one seed, half a radian of each of five Zernike coefficients; error of the phase, radians:
                                        lens as told (without aberrations)    fitted too
    gradient descent                                                 0.357             –
    free pixels of a phase                                           0.421         0.232
    deep phase decoder                                               0.385         0.046
The modulus is told to all but gradient descent, whose pixels are complex; free pixels of 300 steps fit noise. PSNR and SSIM are those of
the modulus, which is the same everywhere.
The fit is not convex: of two other specimens behind another lens (by a script) one came to 0.064 (gradient descent 0.319), and one to 0.43 to 0.49
(0.377) from four z, a wrong valley, which its loss tells: 0.016 where the other has 0.0014.
"""

from unsup_jax.data import Data, Phantoms
from unsup_jax.evaluate import Phase
from unsup_jax.experiment import Experiment
from unsup_jax.methods import DeepPhaseDecoder, GradientDescent
from unsup_jax.modalities import FourierPtychographicMicroscope
from unsup_jax.networks import FreePixels

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("nuclei", count=4, shape=(64, 64)), patch=None),
    modality=FourierPtychographicMicroscope(absorption=0.0, aberrations=0.5, coarser=2, leds=5, aperture=0.3),
    method=DeepPhaseDecoder(steps=600),
    references=(
        GradientDescent(steps=200), DeepPhaseDecoder(network=FreePixels(), aberrations=0, steps=300),
        DeepPhaseDecoder(network=FreePixels(), steps=300), DeepPhaseDecoder(aberrations=0, steps=600),
    ),
    analysis=Phase(),
)
