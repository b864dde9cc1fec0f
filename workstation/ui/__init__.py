"""PySide6 widgets: shell, worklist, reading, report, outbox.

The only room with Qt; screens don't import each other.
No network, disk, decoding or encryption on the main thread.
"""
