"""The exceptions that the command line answers with one line."""


class InputError(ValueError):
    """One line that says what was given and what is accepted; the command line prints it and exits with 2."""


class NonFinite(RuntimeError):
    """The loss was NaN or infinite; the newest checkpoint is the last good one."""
