r"""Self-supervised learning: the label of a measurement is a part of it that the network was not shown, eqs. (8)-(18).

    (8)-(10)   Noise2Noise      ||F(y) - y'||^2:                     y' another realisation, whose noise has mean zero
    (11)-(15)  Noise2Void       ||F(y_{J^c})_J - y_J||^2:            pixels J hidden, noise independent between pixels
    (12)-(14)  Noise2Self       the same with J of a grid; of any filter, which it calibrates
               PN2V             -log sum_k p(y_J | F_k(y_{J^c})):    a noise model, and the posterior's mean
               Self2Self, ZSN2N halves of ONE image
               Noise2Score      grad log p(y), then Tweedie's x:     noise of any exponential family
    (16)-(17)  SSDU             ||y_Lambda - H_Lambda F(y_Theta)||:  samples of any linear H, split
               ZeroShotSSL      the same of ONE measurement, stopped by a third part
    (18)       NaiveConsistency ||y - H F(y)||:                      what the split is better than
               RARE             Noise2Noise of pairs behind H, and its network as a prior

The losses are objectives of `unsup_jax.losses`, which add; the methods are their names in the field and the inference that belongs to them.
"""
