r"""Adversarial methods: a generator G against a critic D, eqs. (27)-(40), figure 7.

    (27)-(28)  GAN        min_G max_D E log D(x) + E log(1 - D(G(z)))
    (29)-(34)  FGAN       min_G max_V E g_f(V(x)) - E f*(g_f(V(G(z)))):   a divergence of the two laws, by its dual
    (35)-(36)  WGAN       min_G max_{D in Lip_1} E D(x) - E D(G(z)):      their Wasserstein-1 distance, by its dual
               SliceGAN   E D(x) - E D(S G(z)), S the slices of a volume:   volumes from slices
               SNGAN      the hinge, with a D whose layers are normalised
               R3GAN      s(D(G(z)) - D(x)) with R1 and R2:               each pair by itself
    (37)-(40)  AmbientGAN s(D(H G(z)) - D(y)), H and noise drawn:   the law of x from measurements of it
               UnsupervisedMRI  D(H* y) against D(H'* (H' G(y; H) + w)):   images from y in the place of z
    (6)-(7)    Pix2Pix    a content term of pairs (y, x), and D(y, x) against D(y, G(y))
               TomoGAN    the same of back-projected views, with features, and D(x) against D(G(u))
               GANrec     ONE measurement: ||y - H G(u)||_1, and D(y) against D(H G(u))
               AnnaPalm   pix2pix of few localisations, and of a wide-field image that G must not contradict
               PtychographyGAN     pix2pix of a complex object from few LEDs, its content also in Fourier space
    (38)-(40)  CryoGAN    D of measurements y and of H_phi(x) + w, phi drawn anew:  ONE volume x from particles of unknown pose
               MultiCryoGAN        the same with x = G(z): a law of conformations

All share the game of `game`: critic steps on parts of a batch, a generator step, averages. They differ in what the players pay
(`losses.games.game`, `divergences`) and in what keeps D smooth (`losses.games.regularizers`). Unconditional ones see unpaired
samples alone, and answer with `sample(key, state, count)`; conditional ones see the truth, or the measurement alone, and reconstruct.
Games in the space of measurements see nothing but y: what is generated is measured by an operator that a family draws (`core.family`),
and D judges that.
"""
