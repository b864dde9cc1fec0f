"""The wire: DICOMweb, workitems, sign-in, and the world's answers as our errors.

Only here may requests and truststore be imported.
Nothing that stores, shows or decides; bytes and plain values only.
"""
