"""The unit of work: the case, its states, drafts, the signed package, the outbox.

What is signed is carried, never rebuilt; one table holds the state machine.
No Qt, no pixels, no HTTP of its own.
"""
