"""The images of an open case: stacks of its study and priors, and the loaders that hold their pixels."""

from collections.abc import Sequence
from typing import Protocol

from psygnal import Signal

from workstation.dicom.content import StudyHeader
from workstation.dicom.geometry import build_stacks
from workstation.dicom.instance import Instance
from workstation.jobs import Workers
from workstation.viewing.loading import Deliver, Fetch, StackLoader
from workstation.viewing.stacks import ShownStack, shown_stacks


class PriorStudy(Protocol):
    """An earlier study as the case brings it: its header, its images, and why it was chosen."""

    @property
    def header(self) -> StudyHeader: ...
    @property
    def instances(self) -> Sequence[Instance]: ...
    @property
    def reason(self) -> str: ...


class OpenCase:
    """Stacks in the order they are offered: the study's by series number, then those of each prior."""

    arrived = Signal(str)
    """Some more images of the stack with this key are there."""

    def __init__(
        self,
        study: Sequence[Instance],
        priors: Sequence[PriorStudy],
        fetch: Fetch,
        workers: Workers,
        deliver: Deliver,
    ) -> None:
        self.fetch = fetch
        self._workers = workers
        self._deliver = deliver
        self._loaders: dict[str, StackLoader] = {}
        pictures = [instance for instance in study if instance.has_pixels]
        self._first = pictures[0] if pictures else None
        self.stacks: tuple[ShownStack, ...] = ()
        if pictures:
            self.stacks = tuple(shown_stacks(build_stacks(pictures), pictures[0].study))
        self._by_key = {stack.key: stack for stack in self.stacks}
        self.strangers: list[StudyHeader] = []
        """Priors whose images name another patient."""
        self.add_priors(priors)

    def add_priors(self, priors: Sequence[PriorStudy]) -> None:
        """Offer the stacks of earlier studies too, also of such that came after the case was opened."""
        known = {stack.study.study_uid for stack in self.stacks}
        for prior in priors:
            earlier = [instance for instance in prior.instances if instance.has_pixels]
            if not earlier or prior.header.study_uid in known:
                continue
            if self._first is not None and not same_patient(self._first, earlier[0]):
                self.strangers.append(prior.header)
            found = shown_stacks(build_stacks(earlier), prior.header, prior=True, reason=prior.reason)
            self.stacks += tuple(found)
            self._by_key |= {stack.key: stack for stack in found}

    @property
    def comparable(self) -> tuple[ShownStack, ...]:
        """The stacks that may be hung by themselves: none that names another patient."""
        strangers = {header.study_uid for header in self.strangers}
        return tuple(stack for stack in self.stacks if stack.study.study_uid not in strangers)

    def stack(self, key: str) -> ShownStack | None:
        return self._by_key.get(key)

    def loader(self, key: str) -> StackLoader:
        """The pixels of a stack; asking for them the first time begins to load them."""
        loader = self._loaders.get(key)
        if loader is None:
            loader = StackLoader(self._by_key[key], self.fetch, self._workers, self._deliver)
            loader.arrived.connect(lambda: self.arrived.emit(key))
            self._loaders[key] = loader
            loader.start()
        return loader

    def loaders(self) -> tuple[StackLoader, ...]:
        return tuple(self._loaders.values())

    def close(self) -> None:
        for loader in self._loaders.values():
            loader.close()
        self._loaders = {}


def same_patient(a: Instance, b: Instance) -> bool:
    """Whether two images claim the same person: ID and issuer, and what both state of birth date."""
    first, second = a.patient, b.patient
    if first.patient_id != second.patient_id or first.issuer != second.issuer:
        return False
    return not (first.birth_date and second.birth_date) or first.birth_date == second.birth_date
