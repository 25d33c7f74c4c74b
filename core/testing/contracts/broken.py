"""What a contract test raises."""


class BrokenContract(AssertionError):
    """An agent does not keep the contract; the message says what is wrong and what to do."""
