"""Where the browser comes back to after a sign-in: a listener on the loopback interface (RFC 8252 7.3), for one answer.

It takes an answer only with the `state` of this sign-in; whatever else knocks is turned away, and waiting goes on.
"""

import hmac
import http.server
import threading
import time
from html import escape
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from workstation.errors import SignInNeeded
from workstation.jobs import Cancellation
from workstation.language import _, current_language

_PATH = "/callback"
_STEP_S = 0.05
_LONGEST_S = 5
_PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>IRIS Workstation</title>
<meta name="viewport" content="width=device-width"><style>
body{{margin:0;height:100vh;display:grid;place-items:center;background:#10161d;color:#e6edf3;
font:17px/1.5 system-ui,sans-serif}}
main{{max-width:26rem;padding:2.5rem;border-radius:14px;background:#1a232d;text-align:center}}
i{{display:block;font:normal 44px/1 system-ui;color:{colour};margin-bottom:1rem}}
h1{{font-size:1.35rem;margin:0 0 .5rem}}
p{{margin:0;color:#9fb0c0}}@media(prefers-color-scheme:light){{body{{background:#eef2f6;color:#17212b}}
main{{background:#fff}}p{{color:#52606d}}}}</style></head>
<body><main><i>{sign}</i><h1>{title}</h1><p>{text}</p></main></body></html>"""


class Loopback:
    """The listener, open from `with` on; `address` is the redirect URI."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._answer: dict[str, str] = {}
        self._answered = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_STEP_S,), daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{_PATH}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, seconds: float, cancellation: Cancellation) -> dict[str, str]:
        """The parameters that the browser brought. Raises SignInNeeded when none came in time, Cancelled."""
        end = time.monotonic() + seconds
        while not self._answered.wait(_STEP_S):
            cancellation.check()
            if time.monotonic() > end:
                raise SignInNeeded(
                    _("Nobody has signed in in the browser"), advice=_("Start the sign-in again; nothing is lost.")
                )
        return self._answer

    def _take(self, given: dict[str, str]) -> bool:
        if self._answered.is_set() or not hmac.compare_digest(given.get("state", "").encode(), self._state.encode()):
            return False
        if "code" not in given and "error" not in given:
            return False
        self._answer = given
        self._answered.set()
        return True

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        take = self._take

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = _LONGEST_S

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                given = dict(parse_qsl(parts.query))
                if parts.path != _PATH:
                    self.send_error(404)
                elif not take(given):
                    title, text = _("This is not the sign-in that was begun"), _("Start it again in the workstation.")
                    self._page(400, "!", title, text)
                elif "error" in given:
                    title, text = _("You are not signed in"), _("The workstation says why. You may close this page.")
                    self._page(200, "!", title, text)
                else:
                    title, text = _("You are signed in"), _("You may close this page and go on in the workstation.")
                    self._page(200, "✓", title, text)

            def _page(self, status: int, sign: str, title: str, text: str) -> None:
                body = _PAGE.format(
                    language=current_language(),
                    colour="#3fb68b" if sign == "✓" else "#e0a030",
                    sign=sign,
                    title=escape(title),
                    text=escape(text),
                ).encode()
                self.send_response(status)
                for name, value in (
                    ("Content-Type", "text/html; charset=utf-8"),
                    ("Content-Length", str(len(body))),
                    ("Cache-Control", "no-store"),
                    # the address holds the code: nothing may pass it on
                    ("Referrer-Policy", "no-referrer"),
                    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
                ):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by http.server
                """Nothing: the request line holds the code."""

        return Handler
