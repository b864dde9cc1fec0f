"""The images of an open case: stacks of its study and priors, and the loaders that hold their pixels.

Beside them what else the studies hold: documents, segmentations as layers, and what rejection notes take out of sight.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from psygnal import Signal

from workstation.dicom.content import StudyHeader
from workstation.dicom.geometry import Stack, build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.real_values import with_mappings
from workstation.imaging.volume import stack_bytes
from workstation.jobs import Workers
from workstation.language import _, number_text
from workstation.viewing.documents import CaseDocument, Finder, documents_of
from workstation.viewing.loading import Deliver, Fetch, StackLoader
from workstation.viewing.overlay_store import OverlayStore
from workstation.viewing.pixel_store import PixelStore
from workstation.viewing.presentations import Presentations
from workstation.viewing.rejection import SetAside, set_aside
from workstation.viewing.segment_layers import SegmentLayers, laid_over
from workstation.viewing.stack_values import in_values, shown_stacks
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
    ) -> None:
        """`memory` is how many bytes the pixels of the case may take; None: what suits the machine."""
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
        self._reasons: dict[str, str] = {}
        self.stacks: tuple[ShownStack, ...] = ()
        self._by_key: dict[str, ShownStack] = {}
        self._first: Instance | None = None
        if study:
            self._objects[study[0].study.study_uid] = study
            kept, aside = set_aside(study, study[0].study)
            self.rejected += tuple(aside)
            self._first = next((one for one in kept if one.has_pixels), None)
            self._offer(kept, study[0].study)
        self.strangers: list[StudyHeader] = []
        """Priors whose images name another patient."""
        self.add_priors(priors)

    def add_priors(self, priors: Sequence[PriorStudy]) -> None:
        """Offer the stacks of earlier studies too, also of such that came after the case was opened."""
        for prior in priors:
            if not prior.instances or prior.header.study_uid in self._objects:
                continue
            self._objects[prior.header.study_uid] = prior.instances
            earlier, aside = set_aside(prior.instances, prior.header, prior=True)
            self.rejected += tuple(aside)
            claiming = next((one for one in earlier if one.has_pixels), None) or prior.instances[0]
            if self._first is not None and not same_patient(self._first, claiming):
                self.strangers.append(prior.header)
            self._offer(earlier, prior.header, prior=True, reason=prior.reason)

    def _offer(
        self,
        instances: Sequence[Instance],
        study: StudyHeader,
        *,
        prior: bool = False,
        reason: str = "",
        rejected: str = "",
    ) -> None:
        """Stacks, documents, stored views and layers of some objects of a study."""
        beside = self._objects[study.study_uid]
        pictures = with_mappings([instance for instance in instances if instance.has_pixels], beside)
        over = {layer.sop_instance_uid for layer in laid_over([one for one in beside if one.has_pixels])}
        built = build_stacks([one for one in pictures if one.sop_instance_uid not in over])
        built = tuple(in_memory(stack, self.pixels.budget) for stack in built)
        found = shown_stacks(built, study, prior=prior, reason=reason)
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
        return self.pixels.loader(self._by_key[key], lambda: self.arrived.emit(key))

    def loaders(self) -> tuple[StackLoader, ...]:
        return self.pixels.loaders()

    def close(self) -> None:
        self.pixels.close()
        self.overlays.close()
        self.presentations.close()


def in_memory(stack: Stack, budget: int) -> Stack:
    """The stack, or where a volume of it takes more bytes than the budget its images alone, with that as the reason."""
    needed = stack_bytes(stack)
    if not stack.is_volume or needed <= budget:
        return stack
    reason = _("too large for the memory of this machine: {needed} of {budget} GB; shown image by image").format(
        needed=number_text(needed / 1e9), budget=number_text(budget / 1e9)
    )
    return replace(stack, is_volume=False, slice_index=(), slice_places=(), planes=0, reason=reason)


def same_patient(a: Instance, b: Instance) -> bool:
    """Whether two images claim the same person: ID and issuer, and what both state of birth date."""
    first, second = a.patient, b.patient
    if first.patient_id != second.patient_id or first.issuer != second.issuer:
        return False
    return not (first.birth_date and second.birth_date) or first.birth_date == second.birth_date
