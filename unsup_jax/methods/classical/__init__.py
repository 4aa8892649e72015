r"""Classical methods: what is known of x is a prior R, a closed form or a filter, and one measurement is all that they see.

    (2)        x^ = argmin_x 1/2 ||y - H(x)||^2 + R(x)                   what the iterations share is in `iterative`
               ProximalGradient    x+ = prox_R(x + H*(y - H x)):                 FISTA, ISTA
    (4)        ADMM                the same, x split from the R of it, with a multiplier
    (5a)-(5b)  VariableSplitting   the same with a growing penalty, which is plug-and-play where prox_R is a denoiser
               ConjugateGradient   no R but the number of steps:                 CG-SENSE
    (3)        GradientDescent     any H, linear or not, and a smooth R
               RichardsonLucy      the Poisson likelihood of a blur, x >= 0, stopped by held-out pixels
               Wiener              H and a spectrum of x diagonal in frequency:  a closed form
               FilteredBackProjection, GerchbergPapoulis      views, and those that are missing
               GRAPPA, SliceGRAPPA                            k-space from its neighbours

Filters (BM3D, GaussianFilter, MedianFilter, NonLocalMeans, WaveletShrinkage) take H to be the identity; FirstGuess is where iterations
start. HistogramMatching, EmpiricalLaw, GaussianLaw and StackedSlices are what generative methods must be better than.
"""
