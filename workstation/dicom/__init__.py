"""DICOM bytes to plain values and back: headers, frames, stacks, and the documents of a conclusion.

Only here may pydicom, highdicom, imagecodecs and pylibjpeg be imported.
No Qt, no network, no disk but the bytes it is given; nothing that knows of cases or viewports.
"""
