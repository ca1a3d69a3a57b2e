"""The errors that a user can mend, and the one way to raise them."""


class DnpmError(Exception):
    """Bad input or a missing part: the message names it, says what was wrong and what to do.

    The command line prints it as one line and exits with 2; an operator reports it. Any other exception is a bug.
    """
