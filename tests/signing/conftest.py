"""A plain PDF to sign."""

import io

import pytest


@pytest.fixture(scope="session")
def plain_pdf() -> bytes:
    """One page by reportlab."""
    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.setTitle("Conclusion")
    canvas.drawString(72, 720, "No nodule.")
    canvas.save()
    return buffer.getvalue()
