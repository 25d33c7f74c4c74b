"""The page on the buckets of other clouds names variables that there are."""

import re
from pathlib import Path
from typing import Final

import pytest
from obstore.exceptions import BaseError, UnknownConfigurationKeyError
from obstore.store import AzureStore, GCSStore

PAGE: Final = Path(__file__).parents[2] / "docs/how-to/buckets.md"
VARIABLES: Final = sorted(
    {*re.findall(r"`((?:GOOGLE|AZURE)_[A-Z_]+)`", PAGE.read_text(encoding="utf-8"))}
)


def is_known(variable: str) -> bool:
    """Return whether the client takes a variable, of whatever value."""
    given = {variable.lower(): "x"}
    try:
        if variable.startswith("GOOGLE"):
            GCSStore("bucket", config=given)  # type: ignore[arg-type]
        else:
            AzureStore("container", config={"account_name": "a"} | given)  # type: ignore[arg-type]
    except UnknownConfigurationKeyError:
        return False
    except BaseError:
        return True  # it knows the variable, and "x" is no value for it
    return True


@pytest.mark.parametrize("variable", VARIABLES)
def test_variables_that_are_named_exist(variable: str) -> None:
    assert is_known(variable)


def test_variables_are_found() -> None:
    assert {"GOOGLE_SERVICE_ACCOUNT_KEY", "AZURE_STORAGE_ACCOUNT_NAME"} <= {*VARIABLES}
    assert not is_known("GOOGLE_NOT_ONE")
    assert not is_known("AZURE_NOT_ONE")
