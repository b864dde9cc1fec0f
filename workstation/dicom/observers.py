"""Our plain codes and observer as highdicom wants them. highdicom is imported at first use."""

from typing import Any

from pydicom.sr.coding import Code as PydicomCode

from workstation.dicom.content import Code, Observer
from workstation.dicom.document_header import short_meaning


def pydicom_code(code: Code) -> PydicomCode:
    """The code as pydicom's value."""
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
