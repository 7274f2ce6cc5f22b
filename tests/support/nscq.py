"""NVIDIA's library of switches, made up: in Python, and in C for what crosses between the two."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.nvidia import board

SOURCE = r"""
#include <stdint.h>
#include <string.h>

typedef int8_t status;
typedef struct { uint8_t octets[16]; } uuid;
typedef struct { char text[64]; } label;
typedef struct { uint32_t size; uint8_t octets[0x2000]; } report;
typedef struct { uint8_t octets[0x1400]; uint32_t size; } chain;
typedef struct { status rc; void *session; } begun;
typedef void (*on_uuid)(const uuid *, status, const uuid *, void *);
typedef void (*on_report)(const uuid *, status, report, void *);
typedef void (*on_chain)(const uuid *, status, chain, void *);

int spoiled;  /* 1: no session, 2: the path, 3: the callback, 4: the size, 5: no value, 6: twice */
static uuid switches[2] = {{{1}}, {{2}}};
static uint8_t nonce[32];

begun nscq_session_create(uint32_t flags) {
    begun made = {spoiled == 1 ? -7 : (flags == 1 ? 1 : -5), switches};
    return made;
}

status nscq_uuid_to_label(const uuid *of, label *into, uint32_t flags) {
    memset(into, 0, sizeof *into);
    memcpy(into->text, "SWITCH-", 7);
    into->text[7] = (char)('0' + of->octets[0]);
    return flags ? -5 : 0;
}

status nscq_session_set_input(void *session, uint32_t flags, void *given, uint32_t size) {
    if (session != (void *)switches || flags || size != 32) return -5;
    memcpy(nonce, given, 32);
    return 0;
}

status nscq_session_path_observe(void *session, const char *path, void (*called)(void),
                                 void *given, uint32_t flags) {
    if (session != (void *)switches || given || flags || spoiled == 2) return -2;
    if (!strcmp(path, "/drv/nvswitch/{device}/uuid")) {
        for (int at = 0; at < 2; at++) {
            uuid passing = switches[at];  /* gone after the call */
            ((on_uuid)called)(&passing, 0, spoiled == 5 ? 0 : &passing, given);
            memset(&passing, 0xff, sizeof passing);
        }
        return 0;
    }
    if (strncmp(path, "/SWITCH-", 8)) return -2;
    uint8_t number = (uint8_t)(path[8] - '0');
    for (int again = 0; again < (spoiled == 6 ? 2 : 1); again++) {
        if (!strcmp(path + 9, "/config/attestation_report")) {
            report made = {spoiled == 4 ? 0x2001 : 40, {number}};
            memcpy(made.octets + 8, nonce, 32);
            ((on_report)called)(&switches[0], spoiled == 3 ? -8 : 0, made, given);
        } else {
            chain made = {{'P', 'E', 'M', number}, spoiled == 4 ? 0 : 4};
            ((on_chain)called)(&switches[0], spoiled == 3 ? -8 : 0, made, given);
        }
    }
    return 0;
}
"""
"""The functions and structures of `nscq_attestation.h`, with two switches behind them."""


def compiled(directory: Path) -> ctypes.CDLL:
    """The C library, built here; skips where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    (directory / "nscq.c").write_text(SOURCE)
    built = directory / "libnvidia-nscq.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(built), str(directory / "nscq.c")], check=True
    )
    return ctypes.CDLL(str(built))


class FakeSwitches:
    """A session with simulated switches, each linked to the GPUs of their board."""

    def __init__(self, switches=2, gpus=2, source=None):
        source = source or board()
        made = source.devices(gpus, switches)[gpus:]
        self._made = {f"SWITCH-{at}": device for at, device in enumerate(made)}
        self.asked = []

    def labels(self):
        return list(self._made)

    def report(self, label, nonce):
        self.asked.append(label)
        return self._made[label].collect(nonce).report

    def chain(self, label):
        return self._made[label].chain
