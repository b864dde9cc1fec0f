"""Identities and signatures: DICOM, PAdES, and their verification.

Only here may pyhanko and pkcs11 be imported.
Private keys and passwords never leave here and are never stored.
"""
