"""What a contract test raises, and how it describes the agent's own errors."""


class BrokenContract(AssertionError):
    """An agent does not keep the contract; the message says what is wrong and what to do."""


def describe_error(error: BaseException | None) -> str:
    """Return an error's type with the first line of its message."""
    if error is None:
        return "nothing"
    message = first_line(error)
    return f"{type(error).__name__} ({message})" if message else type(error).__name__


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).splitlines() or [""])[0]
