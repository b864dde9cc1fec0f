"""Header values that may stand in an error message: what has the form of its VR, and nothing else.

In a damaged header a value may have swallowed its neighbours, the patient's name among them (PS3.5 6.2 says what a code
string and a UID look like); messages go to logs and terminals.
"""

import re

_UID = re.compile(r"[0-9.]{1,64}")
_CODE = re.compile(r"[A-Za-z0-9_/+.-]{1,32}")
_HIDDEN = "…"


def quoted_uid(value: str) -> str:
    """A UID as it is; … for what can't be one."""
    return value if _UID.fullmatch(value) else _HIDDEN


def quoted_code(value: str) -> str:
    """A code string or a media type as it is; … for what can't be one."""
    return value if _CODE.fullmatch(value) else _HIDDEN
