"""The images of an open case: stacks of its study and priors, and the loaders that hold their pixels.

Beside them what else the studies hold: documents, segmentations as layers, and what rejection notes take out of sight.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from psygnal import Signal

from workstation.dicom.content import StudyHeader
from workstation.dicom.instance import Instance
from workstation.dicom.real_values import with_mappings
from workstation.imaging.volume import Volume
from workstation.jobs import Workers
from workstation.viewing.documents import CaseDocument, Finder, documents_of
from workstation.viewing.growth import Awaiting, Grown, Growth, offered_stacks
from workstation.viewing.loading import Deliver, Fetch, StackLoader
from workstation.viewing.overlay_store import OverlayStore
from workstation.viewing.pixel_store import PixelStore
from workstation.viewing.presentations import Presentations
from workstation.viewing.rejection import SetAside, set_aside
from workstation.viewing.segment_layers import SegmentLayers
from workstation.viewing.stack_values import in_values
from workstation.viewing.stacks import ShownStack
from workstation.viewing.subtraction import with_subtractions

# the part of the memory budget that labels may take: one in so many
_FOR_LABELS = 4


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
        memory: int | None = None,
        awaited: Awaiting | None = None,
    ) -> None:
        """`memory` is how many bytes the pixels of the case may take; None: what suits the machine.

        `awaited`: the series of the study that still come.
        """
        self.fetch = fetch
        self.pixels = PixelStore(fetch, workers, deliver, memory)
        self.layers = SegmentLayers(fetch, workers, deliver, self.pixels.budget // _FOR_LABELS)
        self.pixels.beside = lambda: self.layers.held_bytes
        self.layers.changed.connect(self.pixels.make_room)
        self.overlays = OverlayStore(fetch, workers, deliver)
        self.presentations = Presentations(fetch, workers, deliver)
        self._objects: dict[str, Sequence[Instance]] = {}
        """All objects of each study, rejected ones too: what maps an image or gives it a space may be any of them."""
        self.documents: tuple[CaseDocument, ...] = ()
        self.rejected: tuple[SetAside, ...] = ()
        """What notes take out of sight; empty once it was asked for."""
        self._unhidden: set[str] = set()
        self._reasons: dict[str, str] = {}
        self.stacks: tuple[ShownStack, ...] = ()
        self._by_key: dict[str, ShownStack] = {}
        self._first: Instance | None = None
        self._study: StudyHeader | None = None
        self._claimed: list[tuple[StudyHeader, Instance]] = []
        if study:
            self._study = study[0].study
            self._objects[self._study.study_uid] = tuple(study)
            kept, aside = set_aside(study, self._study)
            self.rejected += tuple(aside)
            self._first = next((one for one in kept if one.has_pixels), None)
            self._offer(kept, self._study, awaited=awaited)
        self.add_priors(priors)

    @property
    def strangers(self) -> list[StudyHeader]:
        """Priors whose images name another patient."""
        return [header for header, claiming in self._claimed if self.names_another(claiming)]

    def add_priors(self, priors: Sequence[PriorStudy]) -> None:
        """Offer the stacks of earlier studies too, also of such that came after the case was opened."""
        for prior in priors:
            if not prior.instances or prior.header.study_uid in self._objects:
                continue
            self._objects[prior.header.study_uid] = prior.instances
            earlier, aside = set_aside(prior.instances, prior.header, prior=True)
            self.rejected += tuple(aside)
            claiming = next((one for one in earlier if one.has_pixels), None) or prior.instances[0]
            self._claimed.append((prior.header, claiming))
            self._offer(earlier, prior.header, prior=True, reason=prior.reason)

    def _offer(
        self,
        instances: Sequence[Instance],
        study: StudyHeader,
        *,
        prior: bool = False,
        reason: str = "",
        rejected: str = "",
        awaited: Awaiting | None = None,
    ) -> None:
        """Stacks, documents, stored views and layers of some objects of a study."""
        beside = self._objects[study.study_uid]
        pictures = with_mappings([instance for instance in instances if instance.has_pixels], beside)
        found = offered_stacks(pictures, beside, study, self.pixels.budget, prior=prior, reason=reason, awaited=awaited)
        if rejected:
            for at, stack in enumerate(found, len(self._reasons)):
                # a series may be rejected in part: its other images have the plain key
                stack.key += f"!{at}"
        found = with_subtractions(found)
        if rejected:
            self._reasons |= dict.fromkeys((stack.key for stack in found), rejected)
        self.stacks += tuple(found)
        self._by_key |= {stack.key: stack for stack in found}
        self.documents += tuple(documents_of(instances, study, prior=prior))
        self.presentations.add(instances)
        self.layers.add(pictures, study, prior=prior)

    @property
    def growing(self) -> bool:
        """Whether stacks are shown of which more is on its way."""
        return any(stack.awaited is not None for stack in self.stacks)

    def growth(self, came: Sequence[Instance], awaited: Awaiting) -> Growth:
        """What a worker needs to work out what the study is with more objects."""
        study = self._study
        return Growth(
            study=study,
            known=() if study is None else self._objects[study.study_uid],
            came=came,
            awaited=awaited,
            stacks=self._own_stacks(),
            documents=tuple(one for one in self.documents if self._is_own(one.study)),
            unhidden=frozenset(self._unhidden),
            held=frozenset(stack.key for stack in self.stacks if self.pixels.held(stack.key) is not None),
            budget=self.pixels.budget,
        )

    def grow(self, grown: Grown) -> bool:
        """Offer the study as a worker found it to be now; False, and nothing done, where the case is another by now.

        Pixels that are there stay, by image. What shows one of `grown.places.before` is to be moved to its new place.
        """
        growth, study = grown.growth, grown.study
        if growth.stacks != self._own_stacks() or growth.unhidden != self._unhidden:
            return False
        self._study = study
        self._objects[study.study_uid] = grown.objects
        before = grown.places.before
        own = set(growth.stacks)
        self.stacks = grown.stacks + tuple(stack for stack in self.stacks if stack not in own)
        self._by_key = {stack.key: stack for stack in self.stacks}
        self.documents = grown.documents + tuple(one for one in self.documents if one not in growth.documents)
        self.rejected = tuple(each for each in grown.aside if each.instances) + tuple(
            each for each in self.rejected if each.prior
        )
        if self._first is None or self._first.sop_instance_uid in grown.hidden:
            shown = (one for one in grown.objects if one.has_pixels and one.sop_instance_uid not in grown.hidden)
            self._first = next(shown, None)
        self._carry_pixels(grown)
        self.layers.review(grown.hidden, before.keys())
        self.layers.add([one for one in grown.new if one.has_pixels], study, prior=False)
        self.presentations.add(grown.new)
        return True

    def _is_own(self, study: StudyHeader) -> bool:
        return self._study is not None and study.study_uid == self._study.study_uid

    def _own_stacks(self) -> tuple[ShownStack, ...]:
        """The stacks of the study itself that are not rejected."""
        return tuple(stack for stack in self.stacks if self._is_own(stack.study) and stack.key not in self._reasons)

    def _carry_pixels(self, grown: Grown) -> None:
        """What is decoded of stacks that were taken the place of goes to where its images are now, and so do greys."""
        made: dict[ShownStack, dict[int, Volume]] = {}
        for old in grown.places.before.values():
            if (place := grown.places.of(old, 0)) is not None and place[0].auto_voi is None:
                place[0].auto_voi = old.auto_voi
            loader = self.pixels.held(old.key)
            if loader is None:
                continue
            for k, sheet in loader.sheets().items():
                place = grown.places.of(old, k)
                if place is None:
                    continue
                stack, number = place
                if stack.instance(number) is old.instance(k):
                    matrix = stack.matrix(number)
                    stays = np.array_equal(sheet.ijk_to_lps, matrix)
                    made.setdefault(stack, {})[number] = sheet if stays else sheet.moved(matrix)
            if (place := grown.places.of(old, 0)) is not None:
                made.setdefault(place[0], {})
            self.pixels.forget(old.key)
        for stack, sheets in made.items():
            self.pixels.renew(stack, self._teller(stack.key), sheets, grown.fillings.get(stack.key))

    def choose_values(self, key: str, number: int) -> None:
        """Read a stack in other ones of its real-world values, or with -1 in those of the rescale; it loads anew."""
        before = self._by_key[key]
        after = in_values(before, number)
        self.stacks = tuple(after if stack is before else stack for stack in self.stacks)
        self._by_key[key] = after
        self.pixels.forget(key)

    def show_rejected(self) -> None:
        """Offer what notes take out of sight too, marked as such."""
        aside, self.rejected = self.rejected, ()
        self._unhidden |= {one.sop_instance_uid for each in aside if not each.prior for one in each.instances}
        for one in aside:
            self._offer(one.instances, one.study, prior=one.prior, rejected=one.reason)

    def remarks(self, stack: ShownStack) -> tuple[str, ...]:
        """What a reader must know of a stack beside its pixels: that it was rejected, and what lies over it."""
        rejected = self._reasons.get(stack.key)
        return (*([rejected] if rejected else []), *self.layers.notes(stack))

    def names_another(self, instance: Instance) -> bool:
        """Whether an object claims another person than the images of the study do."""
        return self._first is not None and not same_patient(self._first, instance)

    def finder(self) -> Finder:
        """Finds what documents point at, among all stacks that are offered now."""
        return Finder(self.stacks)

    def document(self, key: str) -> CaseDocument | None:
        return next((document for document in self.documents if document.key == key), None)

    @property
    def comparable(self) -> tuple[ShownStack, ...]:
        """The stacks that may be hung by themselves: none that names another patient, none that was rejected."""
        strangers = {header.study_uid for header in self.strangers}
        return tuple(
            stack for stack in self.stacks if stack.study.study_uid not in strangers and stack.key not in self._reasons
        )

    def stack(self, key: str) -> ShownStack | None:
        return self._by_key.get(key)

    def loader(self, key: str) -> StackLoader:
        """The pixels of a stack; asking for them the first time begins to load them."""
        return self.pixels.loader(self._by_key[key], self._teller(key))

    def _teller(self, key: str) -> Callable[[], None]:
        """Tells that images of a stack have come."""
        return lambda: self.arrived.emit(key)

    def loaders(self) -> tuple[StackLoader, ...]:
        return self.pixels.loaders()

    def close(self) -> None:
        self.pixels.close()
        self.overlays.close()
        self.presentations.close()


def same_patient(a: Instance, b: Instance) -> bool:
    """Whether two images claim the same person: ID and issuer, and what both state of birth date."""
    first, second = a.patient, b.patient
    if first.patient_id != second.patient_id or first.issuer != second.issuer:
        return False
    return not (first.birth_date and second.birth_date) or first.birth_date == second.birth_date
