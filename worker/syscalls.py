"""The system calls that are left to a decoder: a seccomp filter, made by hand, as no library is needed for forty lines.

All others are answered with EPERM: no file is opened, no socket, no process or thread started, no signal sent, no code
loaded. Memory, the pipes that are open already, clocks and the end of the process are what decoding takes.

https://docs.kernel.org/userspace-api/seccomp_filter.html; the numbers are those of the kernel's
arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""`platform.machine()` → AUDIT_ARCH_…, which says whose numbers a call uses."""
ALLOWED: dict[str, tuple[int, ...]] = {
    # name: on x86_64, on aarch64
    "read": (0, 63),
    "write": (1, 64),
    "pread64": (17, 67),
    "munmap": (11, 215),
    "brk": (12, 214),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "getrandom": (318, 278),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
ALLOWED_UNLESS_EXECUTABLE: dict[str, tuple[int, ...]] = {"mmap": (9, 222), "mprotect": (10, 226)}
"""Only for memory that no code runs in."""

X32 = 0x40000000
"""The bit of another set of numbers that x86_64 kernels know under the same architecture."""
PROT_EXEC = 4
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Instructions of classic BPF: load a word of what is below; jump if it is, if it is not less, if it has a bit; end."""
NUMBER, ARCHITECTURE, THIRD_ARGUMENT = 0, 4, 32
"""Where `struct seccomp_data` has them; of an argument the lower half comes first on both architectures."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbid() -> None:
    """Leave this thread only those system calls, for ever; "no new privileges" must be set.

    :raises OSError: the system has no such filter, or does not let this process set one.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in ARCHITECTURES or sys.maxsize < 2**32:
        raise OSError(errno.ENOSYS, f"no filter for {machine} and {sys.platform}")
    code = _filter(machine)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        failure = ctypes.get_errno()
        raise OSError(failure, os.strerror(failure))


def _filter(machine: str) -> bytes:
    column = list(ARCHITECTURES).index(machine)
    code = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, KILL),
    ]
    for numbers in ALLOWED.values():
        code += [(EQUAL, 0, 1, numbers[column]), (RETURN, 0, 0, ALLOW)]
    for numbers in ALLOWED_UNLESS_EXECUTABLE.values():
        code += [
            (EQUAL, 0, 4, numbers[column]),
            (LOAD, 0, 0, THIRD_ARGUMENT),
            (ANY_BIT, 0, 1, PROT_EXEC),
            (RETURN, 0, 0, REFUSE),
            (RETURN, 0, 0, ALLOW),
        ]
    code.append((RETURN, 0, 0, REFUSE))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)
