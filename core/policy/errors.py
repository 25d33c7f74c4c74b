"""The errors of a policy's file."""


class PolicyInvalid(Exception):
    """The file of the policy cannot be used.

    Attributes:
        problems: One sentence for each thing that is wrong, with its line.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
