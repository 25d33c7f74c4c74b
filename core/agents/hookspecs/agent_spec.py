"""The specification of an agent: what a plugin registers, and goals name."""

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import BaseModel

from perdure.agents.hookspecs.agent_class import Agent
from perdure.agents.hookspecs.agent_function import AgentFunction, parameters_of
from perdure.models import AGENT_NAME_PATTERN, MAX_AGENT_NAME_CHARACTERS, Check


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """An agent type: its name, what it is for, and how to make it.

    Attributes:
        name: Lower-case words joined by hyphens, such as ``research``, of 64 characters at most;
            goals name it.
        description: What it does, in one sentence.
        agent: A subclass of :class:`~perdure.agents.Agent`, or an async function
            ``(run, goal) -> Result`` or ``(run, goal, parameters) -> Result``.
        parameters: The Pydantic model of its parameters; ``None`` when it takes none.
        examples: Descriptions of goals it is good at.
        check: Called by ``perdure doctor``; returns what it looked for on this machine.
        pool: The pool of workers that runs its goals, such as ``gpu``, where neither the goal nor
            the installation (``PERDURE_AGENT_POOLS``) says another; any worker of one machine's own
            server, as of ``perdure dev``, runs them too.

    Raises:
        ValueError: A field is not as described; the message names it.
    """

    name: str
    description: str
    agent: type[Agent] | AgentFunction  # type: ignore[type-arg]  # any parameters
    parameters: type[BaseModel] | None = None
    examples: tuple[str, ...] = ()
    check: Callable[[], Iterable[Check]] | None = None
    pool: str | None = None

    def __post_init__(self) -> None:
        if len(self.name) > MAX_AGENT_NAME_CHARACTERS:
            raise ValueError(
                f"agent name {f'{self.name[:20]}…'!r} has {len(self.name)} characters, and no goal"
                f" can name it: {MAX_AGENT_NAME_CHARACTERS} are the most"
            )
        if not re.fullmatch(AGENT_NAME_PATTERN, self.name):
            raise ValueError(
                f"agent name {self.name!r} must be lower-case words joined by hyphens, such as"
                " 'market-survey'"
            )
        if self.pool is not None and not re.fullmatch(AGENT_NAME_PATTERN, self.pool):
            raise ValueError(
                f"agent {self.name!r}: pool {self.pool!r} must be lower-case words joined by"
                " hyphens, such as 'gpu'"
            )
        if inspect.isclass(self.agent):
            if not issubclass(self.agent, Agent):
                raise ValueError(
                    f"agent {self.name!r}: {self.agent.__qualname__} must be a subclass of"
                    " perdure.agents.Agent"
                )
            if inspect.isabstract(self.agent):
                missing = ", ".join(sorted(self.agent.__abstractmethods__))
                raise ValueError(
                    f"agent {self.name!r}: {self.agent.__qualname__} must define {missing}"
                )
        elif not inspect.iscoroutinefunction(self.agent):
            raise ValueError(
                f"agent {self.name!r} must be a subclass of perdure.agents.Agent or an async"
                " function (run, goal) -> Result"
            )
        elif parameters_of(self.agent) is not None and self.parameters is None:
            raise ValueError(
                f"agent {self.name!r}: its function takes parameters and the specification names"
                " no model: set parameters=, or use the decorator @agent"
            )
        model: object = self.parameters
        if model is not None and not (inspect.isclass(model) and issubclass(model, BaseModel)):
            raise ValueError(f"agent {self.name!r}: parameters must be a Pydantic model class")
