"""The reading place: case band, viewer, report, and the step of signing.

Composes ui.viewer and ui.report and carries values between them.
No picture, form or signature logic of its own.
"""
