"""The one exception that the project raises for bad input, at its edges."""


class InputError(ValueError):
    """One line that says what was given and what is accepted; the command line prints it and exits with 2."""
