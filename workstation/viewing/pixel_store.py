"""The loaders of an open case under one budget of memory: who asks for a stack's pixels gets its loader here."""

from collections.abc import Callable, Collection, Mapping

from workstation.imaging.filling import Filling
from workstation.imaging.volume import Volume
from workstation.jobs import Workers
from workstation.language import _, number_text
from workstation.viewing.loading import Deliver, Fetch, StackLoader
from workstation.viewing.memory import machine_budget, room_for
from workstation.viewing.stacks import ShownStack
from workstation.viewing.subtraction import SubtractedLoader, SubtractedStack


class PixelStore:
    """Loaders by the key of their stack, the least recently asked for first. Called on the main thread.

    `visible` names the stacks that are on the screen: they are never let go of. `budget` is in bytes; `beside` tells
    how many of them something else takes.
    """

    def __init__(self, fetch: Fetch, workers: Workers, deliver: Deliver, budget: int | None = None) -> None:
        self._fetch = fetch
        self._workers = workers
        self._deliver = deliver
        self._loaders: dict[str, StackLoader] = {}
        self.budget = machine_budget() if budget is None else budget
        self.visible: Callable[[], Collection[str]] = tuple
        self.beside: Callable[[], int] = int

    def loader(self, stack: ShownStack, arrived: Callable[[], object]) -> StackLoader:
        """The pixels of a stack; the first time, and after they were let go of, they begin to load.

        `arrived` is called as more of them are there.
        """
        loader = self._loaders.pop(stack.key, None)
        if loader is None:
            loader = self._started(stack, arrived)
        self._loaders[stack.key] = loader
        return loader

    def held(self, key: str) -> StackLoader | None:
        """The pixels of a stack where they are there or on their way; nothing is loaded for asking."""
        return self._loaders.get(key)

    def forget(self, key: str) -> None:
        """Let go of a stack's pixels: they are to be read anew."""
        if key in self._loaders:
            self._release(key)

    def renew(
        self, stack: ShownStack, arrived: Callable[[], object], made: Mapping[int, Volume], filling: Filling | None
    ) -> None:
        """Load a stack that has taken the place of another, `made` being what is decoded of it already."""
        self.forget(stack.key)
        self._loaders[stack.key] = self._started(stack, arrived, made, filling)

    def _started(
        self,
        stack: ShownStack,
        arrived: Callable[[], object],
        made: Mapping[int, Volume] | None = None,
        filling: Filling | None = None,
    ) -> StackLoader:
        room = self._room(stack.nbytes)
        kind = SubtractedLoader if isinstance(stack, SubtractedStack) else StackLoader
        loader = kind(stack, self._fetch, self._workers, self._deliver, room, made, filling)
        loader.arrived.connect(arrived, check_nargs=False)
        loader.start()
        return loader

    def make_room(self) -> None:
        """Keep to the budget after what is beside the pixels has grown."""
        self._room(0)

    def _room(self, wanted: int) -> int:
        held = {key: max(loader.most_bytes, loader.held_bytes) for key, loader in self._loaders.items()}
        return room_for(wanted, max(self.budget - self.beside(), 0), held, self.visible(), self._release)

    def _release(self, key: str) -> None:
        self._loaders.pop(key).close()

    @property
    def held_bytes(self) -> int:
        """The memory that all pixels take now."""
        return sum(loader.held_bytes for loader in self._loaders.values())

    def text(self) -> str:
        """How much memory the pixels take, and how much they may."""
        held, most = number_text((self.held_bytes + self.beside()) / 1e6, 0), number_text(self.budget / 1e6, 0)
        return _("Images in memory: {held} of {most} MB").format(held=held, most=most)

    def loaders(self) -> tuple[StackLoader, ...]:
        return tuple(self._loaders.values())

    def close(self) -> None:
        for loader in self._loaders.values():
            loader.close()
        self._loaders = {}
