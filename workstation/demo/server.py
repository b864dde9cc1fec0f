"""The embedded IRIS: a DICOMweb and workitem server on the loopback interface, in a thread or a process of its own."""

import base64
import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from workstation.demo.answers import ROOT, refusal
from workstation.demo.deadlines import refresh_deadlines
from workstation.demo.faults import Faults, FaultyServer, drain
from workstation.demo.oidc import OIDC_ROOT, IdentityProvider
from workstation.demo.procedure_steps import ProcedureSteps
from workstation.demo.qido import Search
from workstation.demo.rendered import Rendered
from workstation.demo.store import Store
from workstation.demo.stow import StoreService
from workstation.demo.wado import Retrieve
from workstation.demo.worklist import Worklist

USER = "reader"
STATE = "server"
START_SECONDS = 10
STOP_SECONDS = 5


class Authentication:
    """ASGI middleware: 401 without user and password (RFC 7617) or an access token (RFC 6750); signing in is free."""

    def __init__(self, app: ASGIApp, user: str, password: str, provider: IdentityProvider) -> None:
        self._app = app
        self._expected = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
        self._provider = provider

    def _accepts(self, given: bytes) -> bool:
        scheme, _space, token = given.partition(b" ")
        if scheme == b"Bearer":
            return self._provider.accepts(token.decode("latin-1"))
        return secrets.compare_digest(given, self._expected)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(f"{OIDC_ROOT}/"):
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not self._accepts(given):
                await drain(receive)
                answer = refusal(401, "sign in", {"WWW-Authenticate": 'Basic realm="IRIS", charset="UTF-8"'})
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _capabilities(allowed: set[str]) -> Callable[[Request], Response]:
    def answer(_request: Request) -> Response:
        return Response(headers={"Allow": ", ".join(sorted(allowed))})

    return answer


def application(store: Store, faults: Faults, user: str, password: str, provider: IdentityProvider) -> Starlette:
    """The whole server as an ASGI application."""
    services = (
        Search(store, faults),
        Rendered(store),
        Retrieve(store),
        StoreService(store, faults),
        Worklist(ProcedureSteps(store), faults),
    )
    routes = [route for service in services for route in service.routes()]
    methods: dict[str, set[str]] = {}
    for route in routes:
        methods.setdefault(route.path, {"OPTIONS"}).update(route.methods or ())
    routes += [Route(path, _capabilities(allowed), methods=["OPTIONS"]) for path, allowed in methods.items()]

    async def set_faults(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
            return Response(status_code=204)
        try:
            wish = await request.json()
            if not isinstance(wish, dict):
                raise ValueError("an object of faults is wanted")
            faults.load(wish)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        return Response(status_code=204)

    return Starlette(
        routes=[
            Mount(ROOT, routes=routes),
            Route("/faults", set_faults, methods=["POST", "DELETE"]),
            *provider.routes(),
        ],
        middleware=[
            # a browser viewer served from this machine may ask too; it has to sign in like everyone
            Middleware(
                CORSMiddleware,
                allow_origin_regex=r"http://(localhost|127\.0\.0\.1)(:\d+)?",
                allow_methods=["GET", "POST", "PUT"],
                allow_headers=["*"],
                expose_headers=["Warning", "Retry-After", "Location"],
                allow_credentials=True,
            ),
            Middleware(FaultyServer, faults=faults),
            Middleware(Authentication, user=user, password=password, provider=provider),
        ],
    )


class EmbeddedIris:
    """The server on a prepared folder, running in a thread while the context is open.

    `port` 0 takes a free one, `password` None makes a random one. A restart on the same folder has everything that
    was ever confirmed; only the port and the random password are new. `faults` make it misbehave.
    """

    def __init__(self, folder: Path, port: int = 0, user: str = USER, password: str | None = None) -> None:
        self.folder = folder
        self.user = user
        self.password = password if password is not None else secrets.token_urlsafe(18)
        self.faults = Faults()
        self.provider = IdentityProvider(user, self.password)
        self.port = port
        self._store: Store | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def root(self) -> str:
        """The address of the server, without a slash at the end; `POST {root}/faults` sets faults."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The DICOMweb root: studies, series, instances and workitems lie below it."""
        return self.root + ROOT

    @property
    def issuer(self) -> str:
        """The issuer of its OpenID Connect provider."""
        return self.root + OIDC_ROOT

    @property
    def store(self) -> Store:
        """The objects and workitems, for tests that look behind the counter."""
        if self._store is None:
            raise RuntimeError("the embedded IRIS is not running")
        return self._store

    def start(self) -> None:
        """Answer requests when this returns. Raises OSError when the port is taken."""
        listener, server = self._open()
        self._thread = threading.Thread(target=server.run, args=([listener],), name="embedded-iris", daemon=True)
        self._thread.start()
        limit = time.monotonic() + START_SECONDS
        while not server.started:
            if not self._thread.is_alive() or time.monotonic() > limit:
                self.stop()
                raise OSError("the embedded IRIS did not start")
            time.sleep(0.005)

    def stop(self) -> None:
        """End running answers within a second, then close the store."""
        if self._server is not None and self._thread is not None:
            self.faults.clear()
            self._server.should_exit = True
            self._thread.join(STOP_SECONDS)
        if self._store is not None:
            self._store.close()
        self._server = self._thread = self._store = None

    def serve(self, announce: Callable[[str], None]) -> None:
        """Serve in the calling thread, a process of its own, until it is interrupted; `announce` gets the URL."""
        listener, server = self._open()
        announce(self.url)
        try:
            server.run([listener])
        finally:
            self.stop()

    def _open(self) -> tuple[socket.socket, uvicorn.Server]:
        listener = socket.create_server(("127.0.0.1", self.port))
        # asyncio leaves Nagle's algorithm on for such a listener: each answer would wait 40 ms between head and body
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listener.getsockname()[1]
        self._store = Store(self.folder / STATE)
        refresh_deadlines(self._store)
        # broken answers are wanted here; nothing of a request belongs in a log
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        config = uvicorn.Config(
            application(self._store, self.faults, self.user, self.password, self.provider),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=1,
            timeout_keep_alive=60,
        )
        self._server = uvicorn.Server(config)
        return listener, self._server

    def __enter__(self) -> "EmbeddedIris":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(folder: Path, announce: Callable[[str], None], port: int = 0, password: str | None = None) -> None:
    """Run the embedded IRIS on a prepared folder until the process is interrupted."""
    EmbeddedIris(folder, port, password=password).serve(announce)
