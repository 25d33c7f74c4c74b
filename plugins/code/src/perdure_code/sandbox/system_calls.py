"""A filter for system calls that no test needs and that lead out of the sandbox's limits.

A program in a user namespace of its own may mount file systems without a size, and memory that is
neither mapped nor in a mounted file system is in nobody's account; both would get round the limits.
Of sockets, there are those that the network namespace knows. The others are what past escapes
began with. The filter is classic BPF, as seccomp(2) takes it.
"""

import errno
import platform
import struct
from typing import Final

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_JUMP_BITS: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K
_ALLOW: Final = 0x7FFF0000  # SECCOMP_RET_ALLOW
_REFUSE: Final = 0x00050000  # SECCOMP_RET_ERRNO
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # of struct seccomp_data, little endian
_CLONE_NEWUSER: Final = 0x10000000
_X32: Final = 0x40000000

# AUDIT_ARCH_* of linux/audit.h
_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_NAMESPACES: Final = {
    "x86_64": {"clone": 56, "unshare": 272},
    "aarch64": {"clone": 220, "unshare": 97},
}
# As on a kernel without them, so that the C library falls back to what can be filtered.
_UNKNOWN: Final = {
    "x86_64": {"clone3": 435, "io_uring_setup": 425, "memfd_create": 319, "memfd_secret": 447},
    "aarch64": {"clone3": 435, "io_uring_setup": 425, "memfd_create": 279, "memfd_secret": 447},
}
_REFUSED: Final = {
    "x86_64": {
        "shmget": 29,
        "mount": 165,
        "setns": 308,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "open_by_handle_at": 304,
        "perf_event_open": 298,
        "bpf": 321,
        "syslog": 103,
        "userfaultfd": 323,
        "fsopen": 430,
        "open_tree": 428,
        "move_mount": 429,
    },
    "aarch64": {
        "shmget": 194,
        "mount": 40,
        "setns": 268,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "open_by_handle_at": 265,
        "perf_event_open": 241,
        "bpf": 280,
        "syslog": 116,
        "userfaultfd": 282,
        "fsopen": 430,
        "open_tree": 428,
        "move_mount": 429,
    },
}

_SOCKET: Final = {"x86_64": 41, "aarch64": 198}
# AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Some of the others, such as AF_VSOCK, know no namespaces.
_FAMILIES: Final = (1, 2, 10, 16)


def system_call_filter(machine: str | None = None) -> bytes:
    """Return the filter for this machine's processor; nothing for one whose calls are not listed.

    Args:
        machine: The processor, as :func:`platform.machine` has it.
    """
    machine = machine or platform.machine()
    architecture = _ARCHITECTURES.get(machine)
    if architecture is None:
        return b""
    unknown = _REFUSE | errno.ENOSYS
    refused = _REFUSE | errno.EPERM
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, unknown),  # another processor's calls have other numbers
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":
        program += [(_JUMP_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, unknown)]
    for number in _UNKNOWN[machine].values():
        program += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, unknown)]
    for number in _REFUSED[machine].values():
        program += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, refused)]
    number_of = len(_FAMILIES)
    program += [
        (_JUMP_EQUAL, 0, number_of + 3, _SOCKET[machine]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        *(
            (_JUMP_EQUAL, len(_FAMILIES) - place, 0, family)
            for place, family in enumerate(_FAMILIES)
        ),
        (_RETURN, 0, 0, _REFUSE | errno.EAFNOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    ]
    for number in _NAMESPACES[machine].values():
        program += [
            (_JUMP_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _FIRST_ARGUMENT),
            (_JUMP_BITS, 0, 1, _CLONE_NEWUSER),
            (_RETURN, 0, 0, refused),
            (_RETURN, 0, 0, _ALLOW),
        ]
    program.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)
