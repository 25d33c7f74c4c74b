"""Failures that Temporal hands on, with causes that are older than the keys."""

from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure

from perdure.encryption.cipher import Cipher
from perdure.encryption.keyring import Keyring
from perdure.temporal.conversion.data_converter import data_converter
from tests.encryption.conftest import NEW


async def test_causes_that_were_in_the_clear_are_sealed_when_they_are_handed_on() -> None:
    failure = Failure(message="no turpentine", application_failure_info=ApplicationFailureInfo())
    failure.cause.message, failure.cause.stack_trace = "no verdigris", "in gunpowder()"
    failure.cause.application_failure_info.type = "ValueError"
    clear, sealing = data_converter(None), data_converter(Cipher(Keyring((NEW,))))
    error = await clear.decode_failure(failure)
    handed_on = Failure()
    await sealing.encode_failure(error, handed_on)
    stored = handed_on.SerializeToString()
    assert not [word for word in (b"turpentine", b"verdigris", b"gunpowder") if word in stored]
    again = await sealing.decode_failure(handed_on)
    assert (str(again), str(again.__cause__)) == ("no turpentine", "ValueError: no verdigris")
    # What nobody seals is there as it was.
    as_it_was = Failure()
    await clear.encode_failure(error, as_it_was)
    assert b"verdigris" in as_it_was.SerializeToString()
