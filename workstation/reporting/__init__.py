"""Template to form to conclusion: MRRT templates, answers, validation, narrative, PDF pages.

Only here may lxml, html5lib and the PDF libraries be imported.
No network, no signing, no Qt; a template's script never runs.
"""
