"""How a repository's tests are to be run."""

from perdure_code.facts import Fact
from perdure_code.sandbox.isolation import Isolation
from perdure_code.sandbox.limits import Limits


class TestSettings(Fact):
    """How tests are to be run.

    Attributes:
        isolation: What keeps them from the rest of the machine.
        install: Whether what the repository declares may be installed for them.
        command: A line for a shell that runs them; empty for pytest.
        limits: How much one run of them may use.
        trust_model: Whether they may run without a sandbox on what a model wrote.
    """

    __test__ = False  # pytest would take the name for a class of tests

    isolation: Isolation = Isolation.BUBBLEWRAP
    install: bool = False
    command: str = ""
    limits: Limits = Limits()
    trust_model: bool = False

    @property
    def may_run_model_code(self) -> bool:
        """Whether they may run on what a model wrote."""
        return self.trust_model or self.isolation is not Isolation.NONE
