"""Small pictures of stacks for the strip: the middle image, in the greys the stack opens with."""

import numpy as np
from numpy.typing import NDArray

from workstation.dicom.pixels import decode_frame
from workstation.imaging.voi import auto_window, to_grey
from workstation.viewing.loading import Fetch, sheet_of
from workstation.viewing.stacks import ShownStack
from workstation.viewing.subtraction import SubtractedStack, Subtractor


def thumbnail(stack: ShownStack, fetch: Fetch, size: int) -> NDArray[np.uint8]:
    """8-bit grey (h, w) or RGB (h, w, 3), its longer side at most `size` pixels. For a worker.

    Every n-th pixel: a thumbnail names a series, it is not read. Raises UnreadableObject for an image that can't be
    decoded, and what `fetch` raises.
    """
    k = stack.count // 2
    ref = stack.stack.frames[k]
    data = fetch(ref.instance.sop_instance_uid)
    if isinstance(stack, SubtractedStack):
        sheet = Subtractor(stack, lambda instance, frame: decode_frame(instance, data, frame)).sheet(k)
    else:
        sheet = sheet_of(stack, k)
        sheet.put(0, decode_frame(ref.instance, data, ref.frame))
    by = max(-(-max(sheet.shape[1:3]) // size), 1)
    values = np.ascontiguousarray(sheet.array[0, by // 2 :: by, by // 2 :: by])
    if sheet.is_colour:
        return values.astype(np.uint8) if values.dtype == np.uint8 else (values >> 8).astype(np.uint8)
    padding = sheet.padding_of(0)
    padding = None if padding is None else padding[by // 2 :: by, by // 2 :: by]
    voi = stack.voi(stack.first_choice(), k) or auto_window(values, padding)
    return to_grey(values, voi, ref.instance.inverted, padding)
