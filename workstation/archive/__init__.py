"""The sealed local archive: encrypted objects, index, retrieval with its ledger, priors, audit.

Only here may sqlcipher3 be imported; one database serves drafts and outbox too.
No pictures, no Qt; nothing leaves here in the clear but to the caller's memory.
"""
