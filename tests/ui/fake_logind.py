"""For `test_lock_signals.py`: a logind on a bus of its own that says what it is told on stdin.

Lines in: `sleep`, `wake`, `lock`. Lines out: `ready`; `held` when a delay inhibitor is handed out; `released` when the
program closed its end of it.
"""

import os
import sys
import threading

from jeepney import DBusAddress, HeaderFields, MessageType, new_error, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

MANAGER = DBusAddress("/org/freedesktop/login1", "org.freedesktop.login1", "org.freedesktop.login1.Manager")
SESSION_PATH = "/org/freedesktop/login1/session/_3x"
SESSION = DBusAddress(SESSION_PATH, "org.freedesktop.login1", "org.freedesktop.login1.Session")


def main() -> None:
    connection = open_dbus_connection(sys.argv[1], enable_fds=True)
    connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.login1"))
    say("ready")
    threading.Thread(target=obey, args=(connection,), daemon=True).start()
    while True:
        asked = connection.receive()
        if asked.header.message_type is not MessageType.method_call:
            continue
        match asked.header.fields.get(HeaderFields.member):
            case "GetSession":
                connection.send(new_method_return(asked, "o", (SESSION_PATH,)))
            case "Inhibit":
                assert asked.body[0] == "sleep"
                assert asked.body[3] == "delay"
                ours, theirs = os.pipe()
                connection.send(new_method_return(asked, "h", (theirs,)))
                os.close(theirs)
                say("held")
                threading.Thread(target=await_release, args=(ours,), daemon=True).start()
            case _:
                connection.send(new_error(asked, "org.freedesktop.DBus.Error.UnknownMethod"))


def obey(connection: object) -> None:
    signals = {
        "sleep": lambda: new_signal(MANAGER, "PrepareForSleep", "b", (True,)),
        "wake": lambda: new_signal(MANAGER, "PrepareForSleep", "b", (False,)),
        "lock": lambda: new_signal(SESSION, "Lock"),
    }
    for line in sys.stdin:
        connection.send(signals[line.strip()]())  # type: ignore[attr-defined]


def await_release(descriptor: int) -> None:
    os.read(descriptor, 1)
    say("released")


def say(word: str) -> None:
    print(word, flush=True)


if __name__ == "__main__":
    main()
