"""The filter for system calls, evaluated as the kernel does, for each processor that it knows.

The numbers are those of Linux: ``include/uapi/asm-generic/unistd.h``, which AArch64 uses, and
``arch/x86/entry/syscalls/syscall_64.tbl``; architectures are those of ``linux/audit.h``, made of
the machine's number in ELF headers, 64 bits and little endian. A filter is a program of classic
BPF over ``struct seccomp_data``: the call's number, the architecture, where it was called, and six
arguments.
"""

import errno
import platform
import struct

import pytest

from perdure_code.sandbox.system_calls import system_call_filter

ARCHITECTURES = {"x86_64": 62 | 0xC0000000, "aarch64": 183 | 0xC0000000}
I386, ARM = 3 | 0x40000000, 40 | 0x40000000
# By name, the numbers of x86-64 and of AArch64.
NUMBERS = {
    "read": (0, 63),
    "openat": (257, 56),
    "mmap": (9, 222),
    "execve": (59, 221),
    "clone": (56, 220),
    "clone3": (435, 435),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "shmget": (29, 194),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "io_uring_setup": (425, 425),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "open_by_handle_at": (304, 265),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "syslog": (103, 116),
    "userfaultfd": (323, 282),
    "socket": (41, 198),
}
UNKNOWN = {"clone3", "io_uring_setup", "memfd_create", "memfd_secret"}
REFUSED = {
    "setns", "mount", "fsopen", "open_tree", "move_mount", "shmget", "add_key", "request_key",
    "keyctl", "open_by_handle_at", "perf_event_open", "bpf", "syslog", "userfaultfd",
}  # fmt: skip
FILTERED = {*UNKNOWN, *REFUSED, "clone", "unshare", "socket"}
CLONE_NEWUSER, CLONE_NEWNS, CLONE_VM, SIGCHLD = 0x10000000, 0x00020000, 0x00000100, 17
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
AF_PACKET, AF_ALG, AF_VSOCK, AF_XDP = 17, 38, 40, 44
MACHINES = pytest.mark.parametrize("machine", ARCHITECTURES)


def evaluate(program: bytes, number: int, architecture: int, *arguments: int) -> int:
    """Return what a filter makes of a call: 0 when it is allowed, else the error's number."""
    given = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number, architecture, 0, *given)
    instructions: list[tuple[int, ...]] = list(struct.iter_unpack("<HBBI", program))
    accumulator = place = 0
    while True:
        code, if_true, if_false, operand = instructions[place]
        place += 1
        match code:
            case 0x20:  # BPF_LD | BPF_W | BPF_ABS
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x15:  # BPF_JMP | BPF_JEQ | BPF_K
                place += if_true if accumulator == operand else if_false
            case 0x35:  # BPF_JMP | BPF_JGE | BPF_K
                place += if_true if accumulator >= operand else if_false
            case 0x45:  # BPF_JMP | BPF_JSET | BPF_K
                place += if_true if accumulator & operand else if_false
            case 0x06:  # BPF_RET | BPF_K
                if operand == 0x7FFF0000:  # SECCOMP_RET_ALLOW
                    return 0
                assert operand & 0xFFFF0000 == 0x00050000  # SECCOMP_RET_ERRNO
                return int(operand & 0xFFFF)
            case _:
                raise AssertionError(f"no instruction of such a filter: {code:#x}")


def called(machine: str, name: str, *arguments: int) -> int:
    number = NUMBERS[name][list(ARCHITECTURES).index(machine)]
    return evaluate(system_call_filter(machine), number, ARCHITECTURES[machine], *arguments)


@MACHINES
def test_calls_that_lead_out_are_refused(machine: str) -> None:
    assert {name: called(machine, name) for name in UNKNOWN} == dict.fromkeys(UNKNOWN, errno.ENOSYS)
    assert {name: called(machine, name) for name in REFUSED} == dict.fromkeys(REFUSED, errno.EPERM)


@MACHINES
def test_all_other_calls_are_allowed(machine: str) -> None:
    column = list(ARCHITECTURES).index(machine)
    filtered = {NUMBERS[name][column] for name in FILTERED}
    program = system_call_filter(machine)
    stopped = {
        number for number in range(1024) if evaluate(program, number, ARCHITECTURES[machine])
    }
    # Without arguments, clone and unshare make no namespace.
    assert stopped == filtered - {NUMBERS[name][column] for name in ("clone", "unshare")}


@MACHINES
@pytest.mark.parametrize("name", ["clone", "unshare"])
def test_a_process_gets_no_namespace_of_users(machine: str, name: str) -> None:
    assert called(machine, name, CLONE_VM | SIGCHLD) == 0
    assert called(machine, name, CLONE_NEWUSER) == errno.EPERM
    assert called(machine, name, CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD) == errno.EPERM
    assert called(machine, name, CLONE_NEWUSER | 1 << 32) == errno.EPERM
    assert called(machine, name, 0, CLONE_NEWUSER) == 0


@MACHINES
def test_sockets_are_of_families_that_know_namespaces(machine: str) -> None:
    for family in (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK):
        assert called(machine, "socket", family, 1) == 0
    for family in (0, AF_PACKET, AF_ALG, AF_VSOCK, AF_XDP):
        assert called(machine, "socket", family, 1) == errno.EAFNOSUPPORT


@MACHINES
def test_calls_of_another_processor_are_refused(machine: str) -> None:
    program = system_call_filter(machine)
    others = {*ARCHITECTURES.values(), I386, ARM} - {ARCHITECTURES[machine]}
    for architecture in others:
        for number in (0, 1, 11, 40, 56, 120, 165, 220):
            assert evaluate(program, number, architecture) == errno.ENOSYS


def test_the_second_numbers_of_x86_64_are_refused() -> None:
    program = system_call_filter("x86_64")
    for number in (0, 165, 0x3FFFFFFF):
        assert evaluate(program, 0x40000000 | number, ARCHITECTURES["x86_64"]) == errno.ENOSYS


def test_there_is_a_filter_for_known_processors_alone() -> None:
    assert system_call_filter("riscv64") == b""
    assert system_call_filter() == system_call_filter(platform.machine())
