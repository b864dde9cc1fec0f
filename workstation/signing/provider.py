"""Signatures by a program of somebody else: a certified provider whose keys and algorithms we know nothing of (GOST).

It is a command that reads a file and writes a detached CMS over it. What it writes is kept as it is, beside our own
signatures; it takes the place of none.
"""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workstation.errors import IdentityUnusable
from workstation.language import _

_LONGEST_S = 120


def sign_by_command(command: str, data: bytes) -> bytes:
    """A detached CMS over `data` (DER or PEM, as the command writes it).

    `command` has the places `{input}` and `{output}`, each a path that only this user can read; it is no
    shell's. Raises IdentityUnusable: it can't be started, fails, takes longer than two minutes, or writes no CMS.
    """
    from asn1crypto import cms, pem

    with tempfile.TemporaryDirectory(prefix="iris-signing-") as folder, _readable(data, Path(folder)) as (source, kept):
        target = Path(folder) / "output"
        try:
            words = [word.format(input=source, output=target) for word in shlex.split(command)]
            # it may ask for a PIN in a window of its own, never here
            ended = subprocess.run(
                words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST_S, check=False, pass_fds=kept
            )
            signature = target.read_bytes() if ended.returncode == 0 else b""
        except subprocess.TimeoutExpired as error:
            raise _failed(_("it took longer than {count} s").format(count=_LONGEST_S)) from error
        except (OSError, IndexError, KeyError, ValueError) as error:
            raise _failed(_("it can't be started, or wrote nothing")) from error
    if ended.returncode:
        raise _failed(_("it ended with status {status}").format(status=ended.returncode))
    try:
        der = pem.unarmor(signature)[2] if pem.detect(signature) else signature
        signers = len(cms.ContentInfo.load(der, strict=True)["content"]["signer_infos"])
    except (ValueError, TypeError, KeyError) as error:
        raise _failed(_("what it wrote is no signature (CMS)")) from error
    if not signers:
        raise _failed(_("what it wrote is no signature (CMS)"))
    return signature


@contextmanager
def _readable(data: bytes, folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A path by which a child process reads `data`, and the descriptors that it inherits: in memory where that can be,
    since a conclusion is not to lie on the disk in the clear; elsewhere a file that is gone afterwards."""
    if not hasattr(os, "memfd_create"):
        (folder / "input").write_bytes(data)
        yield str(folder / "input"), ()
        return
    descriptor = os.memfd_create("document")
    with os.fdopen(descriptor, "wb") as memory:
        memory.write(data)
        memory.flush()
        yield f"/proc/self/fd/{descriptor}", (descriptor,)


def _failed(detail: str) -> IdentityUnusable:
    return IdentityUnusable(_("The signing program of the provider failed"), detail)
