"""Around signing: the timestamp authority, signed objects as sealed rows, the check of a signature read back."""

from workstation.consultation.outbox import Package, SealedObject
from workstation.consultation.package import SignedPackage
from workstation.errors import UnreadableObject
from workstation.iris.timestamping import asking
from workstation.language import _
from workstation.settings import Settings
from workstation.signing.timestamps import Timestamps


def sealed_objects(signed: SignedPackage) -> tuple[SealedObject, ...]:
    """The objects of a signed package in sending order, the conclusion last."""
    return tuple(
        SealedObject(
            role=one.kind,
            study_uid=one.study_uid,
            series_uid=one.series_uid,
            sop_class_uid=one.sop_class_uid,
            sop_instance_uid=one.sop_instance_uid,
            sha256=one.sha256,
            data=one.data,
        )
        for one in signed.objects
    )


def timestamps_of(settings: Settings) -> Timestamps | None:
    """The timestamp authority of the settings. Raises WorkstationError when its address or CA file can't be used."""
    if not settings.timestamp_url:
        return None
    return Timestamps(asking(settings.timestamp_url, settings.timestamp_ca_file))


def must_verify(data: bytes, package: Package) -> None:
    """Raise UnreadableObject unless the conclusion's signature holds and is by the certificate it was signed with."""
    from workstation.signing.dicom_signature import verify_document
    from workstation.signing.trust import load_certificates

    answer = verify_document(data, load_certificates(package.certificates.encode()))
    if not answer.valid:
        raise UnreadableObject(_("The signature doesn't hold"), "; ".join(answer.problems))
