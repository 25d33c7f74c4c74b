"""Tenants: whose a goal is, and all that comes of it."""

from typing import Annotated

from pydantic import StringConstraints

# Whose everything is where nobody tells tenants apart.
DEFAULT_TENANT = "default"

MAX_TENANT_CHARACTERS = 64
# Lower case, and a letter or digit first: a tenant's uploads have a folder of its name.
TENANT_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"

TenantName = Annotated[
    str, StringConstraints(pattern=TENANT_PATTERN, max_length=MAX_TENANT_CHARACTERS)
]
