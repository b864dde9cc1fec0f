"""The reading room without a toolkit: viewports, tools, measurements, linking, commands.

Frozen requests go out, frozen answers come in; drawing belongs to ui.
No Qt, no DICOM parsing, no I/O.
"""
