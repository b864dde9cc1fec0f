"""Which representation a client takes: Accept headers with parameters and transfer syntaxes (PS3.18 §8.7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from workstation.demo.multipart import parse_media_type, split_outside_quotes

EXPLICIT_LE = "1.2.840.10008.1.2.1"
IMPLICIT_LE = "1.2.840.10008.1.2"
ANY = "*"

# PS3.18 table 8.7.3-5: the media type of one compressed frame
FRAME_TYPES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}
OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class Wish:
    """One alternative of an Accept header; `transfer_syntax` empty: the default of the media type."""

    media_type: str
    multipart: bool
    transfer_syntax: str

    def takes(self, media_type: str) -> bool:
        """Whether a thing of this media type fulfils the wish, wildcards considered."""
        kind, _slash, subtype = self.media_type.partition("/")
        return (
            self.media_type == "*/*"
            or self.media_type == media_type
            or (subtype == "*" and media_type.startswith(f"{kind}/"))
        )


def wishes(request: Request) -> list[Wish]:
    """The alternatives of the `accept` query parameter or the Accept header, best first."""
    text = request.query_params.get("accept") or request.headers.get("accept") or "*/*"
    weighed: list[tuple[float, Wish]] = []
    for alternative in split_outside_quotes(text, ","):
        media_type, parameters = parse_media_type(alternative)
        multipart = media_type in ("multipart/related", "multipart/*")
        wanted = parameters.get("type", "*/*").lower() if multipart else media_type
        try:
            weight = float(parameters.get("q", "1"))
        except ValueError:
            weight = 1.0
        syntax = parameters.get("transfer-syntax", ANY if media_type == "*/*" else "")
        # a weight of nothing says what is not taken
        if wanted and weight > 0:
            weighed.append((weight, Wish(wanted, multipart or media_type == "*/*", syntax)))
    return [wish for _weight, wish in sorted(weighed, key=lambda pair: -pair[0])]


def syntaxes(chosen: Sequence[Wish], default: str = EXPLICIT_LE) -> frozenset[str]:
    """The transfer syntaxes that these wishes take; ANY among them: as stored."""
    return frozenset(wish.transfer_syntax or default for wish in chosen)
