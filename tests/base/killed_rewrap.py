"""For `test_key_file.py`: changes the passphrase of a folder over and over until it is killed.

Before each change the new passphrase goes to stdout, so that the test knows which two may be in force.
"""

import sys
from pathlib import Path

from workstation import secrets
from workstation.secrets import wrapping


def main() -> None:
    wrapping.SCRYPT_N = 2**14
    folder, seed = Path(sys.argv[1]), sys.argv[2]
    key = secrets.open_key(folder, lambda: "the first of many words")
    for number in range(10_000):
        passphrase = f"words of {seed} number {number}"
        print(passphrase, flush=True)
        secrets.rewrap_key(folder, key, passphrase)
        secrets.set_recovery_code(folder, key, sys.argv[3])


if __name__ == "__main__":
    main()
