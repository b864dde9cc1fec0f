"""Paging through a search to its true end, whatever the server does with `limit` and `offset`.

A server may cap a page below what was asked, or ignore both: so a short first page proves nothing. The end is an empty
page, a page shorter than one before it, or one that brings nothing new.
"""

from collections.abc import Callable, Iterator

from workstation.iris.json_model import Dataset

PAGE = 200


def every_page(
    fetch: Callable[[int, int], list[Dataset]], key: Callable[[Dataset], str], limit: int | None = None
) -> Iterator[Dataset]:
    """Data sets of all pages, each `key` once; `fetch(limit, offset)` asks for one page; at most `limit` in all."""
    seen: set[str] = set()
    offset = 0
    longest = 0
    while limit is None or len(seen) < limit:
        page = fetch(PAGE if limit is None else min(PAGE, limit - len(seen)), offset)
        fresh = 0
        for dataset in page:
            name = key(dataset)
            if name and name not in seen:
                seen.add(name)
                fresh += 1
                yield dataset
                if limit is not None and len(seen) >= limit:
                    return
        if not fresh or len(page) < longest:
            return
        longest = max(longest, len(page))
        offset += len(page)
