"""A seccomp profile, as container engines take it, made into the filter that the kernel takes."""

import json
import os
from pathlib import Path
from typing import Literal

import pyseccomp
from pydantic import BaseModel, ConfigDict


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")
    comment: str
    names: list[str]
    action: Literal["SCMP_ACT_ALLOW"]


class _Profile(BaseModel):
    defaultAction: Literal["SCMP_ACT_ERRNO"]  # noqa: N815 -- the names of the format
    defaultErrnoRet: int  # noqa: N815
    syscalls: list[_Rule]


def open_filter(path: Path) -> int:
    """Return a file descriptor from which ``bwrap --seccomp`` reads the filter of a profile.

    Calls that this machine's libseccomp does not know are left out, as engines do.
    """
    profile = _Profile.model_validate(json.loads(path.read_text(encoding="utf-8")))
    filter_ = pyseccomp.SyscallFilter(pyseccomp.ERRNO(profile.defaultErrnoRet))
    for rule in profile.syscalls:
        for name in rule.names:
            if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) >= 0:
                filter_.add_rule(pyseccomp.ALLOW, name)
    descriptor = os.memfd_create("seccomp")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        filter_.export_bpf(file)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
