"""Digital phantoms: chests whose every nodule is known, as CT, radiograph and fluorogram, and the cache they lie in.

`ensure_phantoms` is the door; `catalogue.PHANTOMS` the table of what is made. Nothing here reads what it wrote.
"""

from workstation.demo.phantoms.cache import ensure_phantoms
from workstation.demo.phantoms.model import Hospital, PhantomSeries, PhantomSet, PhantomStudy, Visit

__all__ = ["Hospital", "PhantomSeries", "PhantomSet", "PhantomStudy", "Visit", "ensure_phantoms"]
