r"""Variational autoencoders: the evidence lower bound, eqs. (19)-(26), figure 6.

    (19)       log p(y) >= E_q log p(y|z) - D_KL(q(z|y) || p(z))
    (20)-(23)  VAE          z = mu(y) + sigma(y) u,  x = G(z):               a vector of latents
    (24)-(26)  SpatialVAE   x_i = G(t_i R(phi) + Delta t, z):                angle and shift apart from content
    (23)       DivNoising   maps of latents, p(y|x) the noise model:         many clean x of one noisy y
               HDN          the same of a ladder of latents z_1 ... z_n:     coarse structure apart from fine
               COSDD        the same, and p(y|z) along the rows of y:        noise that runs along them apart from the signal s(z)

They differ in their decoders, their encoders and their likelihoods; the bound, its warm-up and its free bits are those of `evidence`.
"""
