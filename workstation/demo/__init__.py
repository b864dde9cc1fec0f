"""The embedded IRIS and the digital phantoms that it serves.

Shares no multipart, JSON or state code with the client, or it would mirror our own mistakes.
Started by app and cli alone; knows nothing of the workstation's rooms above imaging and signing.
"""
