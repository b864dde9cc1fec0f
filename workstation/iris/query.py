"""Query strings of searches (PS3.18 8.3.4), built here because servers differ in what they decode.

Debian's DICOMweb plug-in for Orthanc takes values as they stand in the address: `77-%2A` finds nothing, `77-*` does.
So `*`, `,` and `-` stay raw.
"""

from collections.abc import Iterable
from urllib.parse import quote

_RAW = "*,-._~"


def query_string(pairs: Iterable[tuple[str, str]]) -> str:
    """`?name=value&…`; "" without pairs."""
    joined = "&".join(f"{quote(name, safe=_RAW)}={quote(value, safe=_RAW)}" for name, value in pairs)
    return f"?{joined}" if joined else ""
