"""A method for a file that comes alone, without truth: chosen by what it is estimated to be off the truth, and by nothing else.

    look      the noise of a measurement; a file of which nothing can be said is refused            `look`
    rank      candidates, classical ones first, by their estimated error                            `candidates`, `inverse`
    learn     a network within the minutes that are given, a part of the data hidden from it        `denoise`
    take      the least error, the plainest of all among them: nothing is taken that is worse       `candidates`
    write     estimates into files like the input, their error bars and a report beside them        `write`

`denoise`, `deconvolve`, `mri` and `tomography` are the recipes: which candidates there are for which file.
"""
