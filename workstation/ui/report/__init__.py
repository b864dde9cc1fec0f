"""The report beside the pictures: the question, the template's form, linked findings.

Shows and edits a `reporting.form.Form`; what is done with it is decided outside.
No disk, no network, no rule of its own about what a report must hold.
"""
