"""The worklist: rows of cases, filters, and what is known of the case under the cursor.

Reads the desk's database through workers, a page at a time.
Opens nothing itself: it says which case the reader wants.
"""
