"""Our plain codes and observer as highdicom wants them. highdicom and pydicom's concepts are imported at first use."""

from typing import TYPE_CHECKING, Any

from workstation.dicom.content import Code, Observer
from workstation.dicom.document_header import short_meaning

if TYPE_CHECKING:
    from pydicom.sr.coding import Code as PydicomCode


def pydicom_code(code: Code) -> "PydicomCode":
    """The code as pydicom's value."""
    # its package reads all concepts of PS3.16, a tenth of the program's start
    from pydicom.sr.coding import Code as PydicomCode

    return PydicomCode(code.value, code.scheme, short_meaning(code))


def observer_context(observer: Observer) -> Any:
    """The person observer (TID 1002, 1003) as a highdicom template."""
    from highdicom.sr import ObserverContext, PersonObserverIdentifyingAttributes
    from pydicom.sr.codedict import codes

    # a single component is a valid PN, but highdicom warns unless a caret says it is one
    name = observer.name if "^" in observer.name else f"{observer.name}^"
    return ObserverContext(
        observer_type=codes.DCM.Person,
        observer_identifying_attributes=PersonObserverIdentifyingAttributes(
            name=name, organization_name=observer.organisation or None
        ),
    )
