"""The part of a run that runs programs."""

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta

from perdure.agents.commands.command import Command, checked_command
from perdure.agents.commands.completed_command import CompletedCommand
from perdure.agents.commands.errors import CommandFailed
from perdure.agents.commands.execution import CommandExecutions
from perdure.agents.policy.gate import PolicyGate
from perdure.agents.runs.step_runner import StepRunner
from perdure.agents.steps.encoding import digest_of
from perdure.agents.steps.errors import PermanentError, StepFailed, failed_step, failure_from
from perdure.agents.steps.keys import StepKey, stream_of
from perdure.agents.steps.steps import Steps, current_step


class RunCommands:
    """Runs programs as steps; the base class of :class:`~perdure.agents.Run`."""

    steps: Steps
    policy: PolicyGate
    _runner: StepRunner
    _commands: CommandExecutions

    async def command(
        self,
        args: Sequence[str | os.PathLike[str]],
        *,
        name: str | None = None,
        input: str | bytes | None = None,  # noqa: A002 -- as subprocess.run names it
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        timeout: timedelta | float | None = None,  # noqa: ASYNC109 -- likewise
        memory: int | None = None,
        check: bool = True,
        once: bool = False,
    ) -> CompletedCommand:
        """Run a program once and journal what came of it; later executions get that.

        What it writes is streamed to readers while it runs. The program and everything that it has
        started end with the step: with SIGTERM, three seconds later with SIGKILL. So they do when
        the goal is cancelled, when the run ends, and when the worker stops or is killed.

        Within a step it is a part of that: nothing of its own is journaled, and what comes of it
        counts as far as the step's value says. An error that passes makes the step try again.

        The step is identified by its name, ``args``, ``input`` and ``cwd``, and by how often these
        came before. The environment does not count, since it differs from worker to worker: give
        commands that differ in nothing else, and run side by side, names of their own.

        Args:
            args: The program and its arguments; no shell reads them.
            name: What the step does; the program's name when not given.
            input: What it reads on its standard input; nothing when not given.
            env: Its whole environment; when not given the worker's, without the keys and passwords
                of models, Temporal and the stores.
            cwd: Its working folder; the worker's when not given.
            timeout: How long it may take, in seconds or as a time. Without one, it may take as long
                as any step, and write nothing for ``PERDURE_STALL_SECONDS``.
            memory: How many bytes of address space (``RLIMIT_AS``) it, and each process that it
                starts, may have.
            check: Fail when its exit status is not 0; otherwise that is a value like another.
            once: Never start it a second time: if its outcome is unknown, raise. Within a step, it
                is for that to be marked so.

        Returns:
            Its exit status, and the last mebibyte of what it wrote on each stream.

        Raises:
            StepFailed: It ended with a status other than 0, took too long, or could not be
                started; in every later execution too, if the agent went on.
            PolicyDenied: The installation's policy denies it; a :class:`StepFailed` too.
            OutcomeUnknown: A ``once`` command was started before, and what came of it is not known.
            PermanentError: An argument is of a wrong type, or none that a program can be given.
        """
        command = checked_command(
            args,
            name=name,
            input=input,
            env=env,
            cwd=cwd,
            timeout=timeout,
            memory=memory,
            check=check,
        )
        step = current_step.get()
        if step is not None:
            return await self._command_within(step, command, once=once)
        key = self.steps.key(command.name, command.identity())
        done = await self._runner.run(
            key,
            self._commands.execute,
            (command,),
            {},
            once=once,
            idempotency_key=False,
            parameters=command.described(),
        )
        assert isinstance(done, CompletedCommand)
        return done

    async def _command_within(
        self, step: StepKey, command: Command, *, once: bool
    ) -> CompletedCommand:
        if once:
            raise PermanentError(
                f"command {command.name!r} is marked once=True within step {step.name!r}, of which"
                " it is a part: mark the step"
            )
        if not self.policy.is_open:
            await self._admit_within(step, command)
        try:
            return await self._commands.execute(command)
        except CommandFailed as error:
            raise StepFailed(step, failure_from(error)) from error

    async def _admit_within(self, step: StepKey, command: Command) -> None:
        """Have the policy judge a command that is a part of a step.

        Raises:
            StepFailed: It is denied; a :class:`PolicyDenied` too.
        """
        # Not counted among the run's steps: a later execution may find the outer one in the journal
        # and never come here.
        identity = [step.name, step.digest, step.occurrence, command.identity()]
        digest = digest_of(identity, what=f"the command {command.name!r}")
        key = StepKey(command.name, digest, 0, within=stream_of(step))
        denied = await self.policy.refusal(key, command.described())
        if denied is not None:
            raise failed_step(step, failure_from(denied)) from denied

    def abandon_commands(self) -> None:
        """End every command that the agent has left running; its run has ended."""
        self._commands.abandon()
