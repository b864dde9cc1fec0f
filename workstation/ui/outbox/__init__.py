"""The outbox: every signed conclusion, where it is on its way, and the proof of its delivery.

Reads the desk's database through workers.
Nothing here rebuilds or signs a document again.
"""
