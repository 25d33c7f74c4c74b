"""Routes for Temporal's UI, which shows what is sealed to whoever may see it (a codec server)."""

import base64

from fastapi import APIRouter, Request
from temporalio.api.common.v1 import Payload

from perdure.api.access.errors import AnothersPayloads
from perdure.api.access.principals import Principal
from perdure.api.access.requirements import Caller, requires
from perdure.api.codec.payloads import CodecPayload, CodecPayloads
from perdure.api.routes.dependencies import state_of
from perdure.encryption.cipher import Tampered
from perdure.encryption.keyring import KeyMissing
from perdure.models import DEFAULT_TENANT
from perdure.schemas.access import Scope
from perdure.stores.database.errors import InputRefused

router = APIRouter(prefix="/api/codec", tags=["codec"])


@router.post("/decode", dependencies=[requires(Scope.ADMIN, "codec.decode")])
async def decode_payloads(
    request: Request, payloads: CodecPayloads, caller: Caller
) -> CodecPayloads:
    """Open payloads that went through Temporal, for its UI.

    Those that are not sealed come back as they are. Payloads are those of all tenants: it needs a
    key of the tenant `default`.
    """
    _check_tenant(caller)
    try:
        opened = await state_of(request).codec.decode([_read(one) for one in payloads.payloads])
    except (KeyMissing, Tampered) as error:
        raise InputRefused(str(error)) from error
    return CodecPayloads(payloads=[_written(one) for one in opened])


@router.post("/encode", dependencies=[requires(Scope.ADMIN, "codec.encode")])
async def encode_payloads(
    request: Request, payloads: CodecPayloads, caller: Caller
) -> CodecPayloads:
    """Seal payloads that Temporal's UI is about to send, such as a signal's.

    Where there are no keys, they come back as they are.
    """
    _check_tenant(caller)
    sealed = await state_of(request).codec.encode([_read(one) for one in payloads.payloads])
    return CodecPayloads(payloads=[_written(one) for one in sealed])


def _check_tenant(caller: Principal) -> None:
    if caller.tenant != DEFAULT_TENANT:
        raise AnothersPayloads(caller)


def _read(payload: CodecPayload) -> Payload:
    return Payload(
        metadata={name: base64.b64decode(value) for name, value in payload.metadata.items()},
        data=base64.b64decode(payload.data),
    )


def _written(payload: Payload) -> CodecPayload:
    return CodecPayload(
        metadata={
            name: base64.b64encode(value).decode() for name, value in payload.metadata.items()
        },
        data=base64.b64encode(payload.data).decode(),
    )
