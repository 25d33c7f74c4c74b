"""What a route requires of its caller, and what it leaves in the audit table."""

from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from perdure.api.access.audited import AuditedAction
from perdure.api.access.errors import AnothersName, ScopeMissing, Unauthenticated
from perdure.api.access.principals import Principal
from perdure.api.access.quotas import GoalQuota
from perdure.schemas.access import Scope

# The name of what a request carries, in the OpenAPI document.
SECURITY_SCHEME: Final = "key"
# What counts against the number of goals that a tenant may start.
START_ACTION: Final = "goal.start"


class Requirement(SecurityBase):
    """The dependency of a route that lets through who has a scope, or one of several.

    Attributes:
        scopes: The scopes of which one is enough.
        action: The name in the audit table of what the route does; ``None`` where it only reads.
    """

    def __init__(self, scopes: tuple[Scope, ...], action: str | None) -> None:
        # What the OpenAPI document says of it.
        self.model = HTTPBearer(description="A key that `perdure keys create` has made.")
        self.scheme_name = SECURITY_SCHEME
        self.scopes = scopes
        self.action = action

    async def __call__(self, request: Request) -> None:
        """Check the caller, and note the action before it is allowed or refused.

        Raises:
            Unauthenticated: Nobody is known.
            ScopeMissing: The caller has other scopes.
            TooManyRequests: It starts a goal, and the tenant has started as many as it may.
        """
        if self.action is not None:
            subject = next(iter(request.path_params.values()), "")
            request.state.audited = AuditedAction(self.action, str(subject))
        principal = caller_of(request)
        if principal.scopes.isdisjoint(self.scopes):
            raise ScopeMissing(principal, self.scopes)
        if self.action == START_ACTION and (quota := _quota_of(request)) is not None:
            await quota.take(1)


def requires(scope: Scope, action: str | None = None, *, otherwise: Scope | None = None) -> Any:
    """Return what a route or router has in its ``dependencies``: every one needs it.

    Args:
        scope: What the caller needs.
        action: The name in the audit table of what the route does; none for what only reads.
        otherwise: What is enough instead.
    """
    scopes = (scope,) if otherwise is None else (scope, otherwise)
    return Security(Requirement(scopes, action), scopes=[each.value for each in scopes])


def audits(action: str) -> Any:
    """Return what a route that anybody may use has in its ``dependencies``, to be on record.

    Args:
        action: The name in the audit table of what it does.
    """

    async def note(request: Request) -> None:
        request.state.audited = AuditedAction(action)

    return Depends(note)


def caller_of(request: Request) -> Principal:
    """Return who sends a request.

    Raises:
        Unauthenticated: Nobody is known, as on a route that anybody may use.
    """
    principal: Principal | None = getattr(request.state, "principal", None)
    if principal is None:
        raise Unauthenticated("sign in, or send a key as 'Authorization: Bearer <key>'")
    return principal


def audited_of(request: Request) -> AuditedAction:
    """Return what a request leaves in the audit table, to be filled in."""
    action: AuditedAction = request.state.audited
    return action


def check_name(principal: Principal, by: str) -> None:
    """Check in whose name somebody says something; a key may say it for whoever uses it.

    Raises:
        AnothersName: The identity provider knows them by another name.
    """
    if principal.is_person and by != principal.name:
        raise AnothersName(principal, by)


# Coroutine functions: the framework calls others in threads, which takes longer than they do.
async def _caller(request: Request) -> Principal:
    return caller_of(request)


async def _audited(request: Request) -> AuditedAction:
    return audited_of(request)


async def _quota(request: Request) -> GoalQuota | None:
    return _quota_of(request)


def _quota_of(request: Request) -> GoalQuota | None:
    quota: GoalQuota | None = getattr(request.state, "goal_quota", None)
    return quota


Caller = Annotated[Principal, Depends(_caller)]
Audited = Annotated[AuditedAction, Depends(_audited)]
# Of routes that start many goals, which count them themselves.
Quota = Annotated[GoalQuota | None, Depends(_quota)]
