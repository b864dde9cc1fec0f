"""What more objects of its study make of an open case: worked out beside the main thread, and handed over whole.

A series that still comes is shown image by image, in order of place as far as it is here, and says how much of it that
is: holes that are only not here yet are no gaps, no spacing is told of them and no volume made. Once it is all here it
is the stack that it would have been from the start.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from workstation.dicom.content import StudyHeader
from workstation.dicom.geometry import Stack, build_stacks
from workstation.dicom.instance import Instance
from workstation.dicom.real_values import with_mappings
from workstation.dicom.segmentation import SEGMENTATION_CLASSES
from workstation.dicom.splitting import stands_alone
from workstation.imaging.filling import Filling, filling_of
from workstation.imaging.volume import stack_bytes
from workstation.language import _, number_text
from workstation.viewing.documents import CaseDocument, documents_of
from workstation.viewing.rejection import SetAside, set_aside
from workstation.viewing.segment_layers import laid_over
from workstation.viewing.stack_values import in_values, shown_stacks
from workstation.viewing.stacks import Awaited, ShownStack
from workstation.viewing.subtraction import with_subtractions

Awaiting = Mapping[str, Awaited]
"""By Series Instance UID: the series of which more is on its way."""

# a step is told of so many slices, so fewer may still become a volume
_MAY_BE_VOLUME = 3
_LAST = 1 << 40


def offered_stacks(
    pictures: Sequence[Instance],
    beside: Sequence[Instance],
    study: StudyHeader,
    budget: int,
    *,
    prior: bool = False,
    reason: str = "",
    awaited: Awaiting | None = None,
) -> list[ShownStack]:
    """The stacks of some pictures of a study, all its objects being `beside`; without subtractions.

    A volume takes at most `budget` bytes.
    """
    over = {layer.sop_instance_uid for layer in laid_over([one for one in beside if one.has_pixels])}
    built = build_stacks([one for one in pictures if one.sop_instance_uid not in over])
    awaiting = awaited or {}
    coming = [_awaited(stack, awaiting) for stack in built]
    read = [
        in_memory(one, budget) if more is None else _so_far(one, more) for one, more in zip(built, coming, strict=True)
    ]
    found = shown_stacks(read, study, prior=prior, reason=reason)
    for shown, stack, more in zip(found, built, coming, strict=True):
        if more is not None:
            shown.awaited = more
            shown.hangs_as_volume = stack.is_volume or (0 < stack.positions < _MAY_BE_VOLUME and not shown.colour)
    _expect_the_rest(found)
    return found


def _awaited(stack: Stack, awaiting: Awaiting) -> Awaited | None:
    more = awaiting.get(stack.series_uid)
    return None if more is None or stands_alone(stack.frames[0]) else more


def _so_far(stack: Stack, more: Awaited) -> Stack:
    """The images of a stack that will have more, each for itself."""
    return replace(
        stack, is_volume=False, slice_index=(), slice_places=(), planes=0, gaps=(), tilt_degrees=0.0, reason=more.note
    )


def _expect_the_rest(stacks: Sequence[ShownStack]) -> None:
    """What of a series is to come counts for its largest stack when it is hung."""
    largest: dict[str, ShownStack] = {}
    for shown in stacks:
        uid = shown.stack.series_uid
        if shown.awaited is not None and (uid not in largest or shown.count > largest[uid].count):
            largest[uid] = shown
    for shown in largest.values():
        assert shown.awaited is not None
        shown.outstanding = max(shown.awaited.expected - shown.awaited.received, 0)


def in_memory(stack: Stack, budget: int) -> Stack:
    """The stack, or where a volume of it takes more bytes than the budget its images alone, with that as the reason."""
    needed = stack_bytes(stack)
    if not stack.is_volume or needed <= budget:
        return stack
    reason = _("too large for the memory of this machine: {needed} of {budget} GB; shown image by image").format(
        needed=number_text(needed / 1e9), budget=number_text(budget / 1e9)
    )
    return replace(stack, is_volume=False, slice_index=(), slice_places=(), planes=0, reason=reason)


class Places:
    """Where the images of stacks that were taken the place of are now. `before` are those, by key."""

    def __init__(self, before: Mapping[str, ShownStack], after: Sequence[ShownStack]) -> None:
        self.before = before
        self._now = {
            (ref.instance.sop_instance_uid, ref.frame, shown.computed): (shown, k)
            for shown in after
            for k, ref in enumerate(shown.stack.frames)
        }

    def of(self, before: ShownStack, k: int) -> tuple[ShownStack, int] | None:
        """The stack and the number there of what was image `k`; None where it is out of sight."""
        ref = before.stack.frames[k]
        return self.find(ref.instance.sop_instance_uid, ref.frame, computed=before.computed)

    def find(self, sop_uid: str, frame: int, *, computed: bool = False) -> tuple[ShownStack, int] | None:
        """The stack and the number there of a frame, counted from 0."""
        return self._now.get((sop_uid, frame, computed))


@dataclass(frozen=True)
class Growth:
    """What is known of the study and what has come: all that a worker needs. `held` are keys of stacks with pixels."""

    study: StudyHeader | None
    """None as long as nothing of it is here."""
    known: Sequence[Instance] = field(repr=False)
    came: Sequence[Instance] = field(repr=False)
    awaited: Awaiting
    stacks: tuple[ShownStack, ...] = field(repr=False)
    documents: tuple[CaseDocument, ...] = field(repr=False)
    unhidden: frozenset[str]
    """Rejected objects that the reader asked to see."""
    held: frozenset[str]
    budget: int

    def worked_out(self) -> "Grown | None":
        """On a worker; None while there is no object of the study."""
        here = {one.sop_instance_uid for one in self.known}
        new = [one for one in self.came if one.sop_instance_uid not in here]
        objects = (*self.known, *new)
        study = self.study or next((one.study for one in new), None)
        if study is None:
            return None
        counted = Counter(one.series_uid for one in objects)
        awaited = {uid: replace(one, received=counted[uid]) for uid, one in self.awaited.items()}
        return replace(self, awaited=awaited)._worked_out(study, objects, new)

    def _worked_out(self, study: StudyHeader, objects: tuple[Instance, ...], new: Sequence[Instance]) -> "Grown":
        kept, aside = set_aside(objects, study)
        hidden = {one.sop_instance_uid for each in aside for one in each.instances}
        stacks = self._stacks(study, kept, objects, self._changed(new, hidden))
        old, now = set(self.stacks), set(stacks)
        before = {one.key: one for one in self.stacks if one not in now}
        changed = tuple(one for one in stacks if one not in old)
        known = {one.key: one for one in self.documents}
        documents = documents_of(kept, study)
        for shown in changed:
            # both are asked for on the main thread next, and take long for thousands of images
            _bytes, _step = shown.nbytes, shown.slice_step
        return Grown(
            growth=self,
            study=study,
            objects=objects,
            stacks=tuple(stacks),
            documents=tuple(known.get(one.key, one) for one in documents),
            aside=tuple(_still_hidden(each, self.unhidden) for each in aside),
            new=tuple(with_mappings([one for one in new if one.sop_instance_uid not in hidden], objects)),
            hidden=frozenset(hidden),
            changed=changed,
            places=Places(before, changed),
            fillings={
                one.key: filling_of(one.stack)
                for one in changed
                if one.is_volume and (one.key in self.held or before.keys() & self.held)
            },
        )

    def _changed(self, new: Sequence[Instance], hidden: Collection[str]) -> set[str]:
        """The series to be stacked anew: those that got images, and all where images may mean something else now."""
        everything = any(
            not one.has_pixels or one.sop_class_uid in SEGMENTATION_CLASSES or one.sop_instance_uid in hidden
            for one in new
        ) or any(one.sop_class_uid in SEGMENTATION_CLASSES for one in self.known)
        if everything:
            return {one.series_uid for one in (*self.known, *new)}
        other = {
            shown.stack.series_uid
            for shown in self.stacks
            if not shown.computed and shown.awaited != _awaited(shown.stack, self.awaited)
        }
        return other | {one.series_uid for one in new}

    def _stacks(
        self, study: StudyHeader, kept: Sequence[Instance], objects: Sequence[Instance], changed: Collection[str]
    ) -> list[ShownStack]:
        """All stacks, in the order of their series; those of which nothing has changed are the ones there were."""
        pictures = with_mappings([one for one in kept if one.has_pixels and one.series_uid in changed], objects)
        built = with_subtractions(offered_stacks(pictures, objects, study, self.budget, awaited=self.awaited))
        known = {shown.key: shown for shown in self.stacks}
        stacks = [shown for shown in self.stacks if shown.stack.series_uid not in changed]
        for shown in built:
            old = known.get(shown.key)
            stacks.append(shown if old is None else old if _alike(old, shown) else _read_like(shown, old))
        stacks.sort(key=lambda shown: (_number(shown.first.series_number), shown.stack.series_uid))
        return stacks


@dataclass(frozen=True)
class Grown:
    """The study as it is offered now, for the main thread: `OpenCase.grow`."""

    growth: Growth
    study: StudyHeader
    objects: tuple[Instance, ...] = field(repr=False)
    stacks: tuple[ShownStack, ...] = field(repr=False)
    changed: tuple[ShownStack, ...] = field(repr=False)
    """The stacks that are new or other than they were."""
    documents: tuple[CaseDocument, ...]
    aside: tuple[SetAside, ...]
    new: tuple[Instance, ...] = field(repr=False)
    hidden: frozenset[str]
    places: Places = field(repr=False)
    fillings: Mapping[str, Filling] = field(repr=False)


def _still_hidden(aside: SetAside, unhidden: Collection[str]) -> SetAside:
    return replace(aside, instances=tuple(one for one in aside.instances if one.sop_instance_uid not in unhidden))


def _alike(old: ShownStack, new: ShownStack) -> bool:
    """Whether two stacks are of the same readings of the same objects, and as whole."""
    mine, others = old.plain.frames, new.plain.frames
    return (
        old.awaited == new.awaited
        and len(mine) == len(others)
        and all(a.instance is b.instance and a.frame == b.frame for a, b in zip(mine, others, strict=True))
    )


def _read_like(shown: ShownStack, old: ShownStack) -> ShownStack:
    """The stack in the values that the reader chose for the one it takes the place of."""
    if shown.values == old.values or not old.mappings or old.values >= len(shown.mappings):
        return shown
    other = in_values(shown, old.values)
    other.awaited, other.hangs_as_volume, other.outstanding = shown.awaited, shown.hangs_as_volume, shown.outstanding
    return other


def _number(value: int | None) -> int:
    return _LAST if value is None else value
