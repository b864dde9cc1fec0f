"""Arrays with units: volumes, grey transforms, reslicing, measurements.

Only here, and in the 3D canvas, may vtkmodules be imported.
No Qt, no DICOM parsing, no I/O.
"""
