"""The outbox page shows the receipt of what was delivered, word for word, and hands it to the clipboard."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from workstation import language
from workstation.consultation.outbox import OutboxRow
from workstation.consultation.receipt import DeliveredObject, Receipt
from workstation.dicom.content import Patient
from workstation.ui.outbox.page import OutboxPage
from workstation.ui.outbox.receipt_view import ReceiptView

MOMENT = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
RECEIPT = Receipt(
    package_uid="1.2.1",
    case_uid="1.2.2",
    study_uid="1.2.3",
    title="Заключение",
    signer="Петрова А. С.",
    signed_at=MOMENT.isoformat(),
    delivered_at=MOMENT.isoformat(),
    delivered_by="R-0815",
    server="IRIS",
    server_url="https://iris.example/dicom-web",
    workitem="1.2.2",
    objects=(
        DeliveredObject("conclusion", "1.2.4", "1.2.840.10008.5.1.4.1.1.88.22", "1.2.5", 4321, "ab" * 32, "stored", ""),
    ),
    audit_entry=7,
    audit_head="cd" * 32,
)


class AtOnce:
    """Does on the spot what would be done in the background."""

    def run(self, _lane: object, work: Callable[[], Any], done: Callable[[Any], None], *_more: Any) -> None:
        done(work())


def row(package_uid: str, receipt: Receipt | None) -> OutboxRow:
    return OutboxRow(
        package_uid=package_uid,
        case_uid="1.2.2",
        state="delivered" if receipt else "queued",
        title="Заключение",
        signer="Петрова А. С.",
        patient=Patient("Смирнова^Ольга", "77-1"),
        study_date="20260110",
        study_description="КТ ОГК",
        signed_at=MOMENT,
        attempts=0,
        due_at=None,
        delivered_at=MOMENT if receipt else None,
        last_error="",
        journal=(),
        objects=(),
        receipt=receipt,
    )


def test_a_delivered_conclusion_shows_its_receipt_and_copies_it(app: QApplication) -> None:
    language.set_language("en")
    desk = SimpleNamespace(
        outbox=lambda: [row("1.2.1", RECEIPT), row("1.2.9", None)], settings=SimpleNamespace(servers=())
    )
    page = OutboxPage(cast(Any, desk), cast(Any, AtOnce()))
    (button,) = [one for one in page.findChildren(QPushButton) if one.text() == "Receipt"]
    assert not button.isHidden()
    button.click()
    (view,) = page.findChildren(ReceiptView)
    text = view.page.toPlainText()
    for told in ("ab" * 32, "cd" * 32, "1.2.5", "stored", "R-0815", "https://iris.example/dicom-web"):
        assert told in text
    assert "Смирнова" not in text
    (copy,) = view.findChildren(QPushButton)
    copy.click()
    assert QGuiApplication.clipboard().text() == text
    page._table.setCurrentIndex(page._model.index(1, 0))
    assert button.isHidden()
    page.deleteLater()


def said(app: QApplication, waiting: OutboxRow, *servers: str) -> str:
    named = SimpleNamespace(servers=[SimpleNamespace(name=name) for name in servers])
    page = OutboxPage(cast(Any, SimpleNamespace(outbox=lambda: [waiting], settings=named)), cast(Any, AtOnce()))
    app.processEvents()
    text = "\n".join(label.text() for label in page.findChildren(QLabel))
    page.deleteLater()
    return text


def test_of_several_servers_the_one_that_a_conclusion_waits_for_is_named(app: QApplication) -> None:
    language.set_language("en")
    waiting = replace(row("1.2.9", None), server="North")
    assert "for the server North" in said(app, waiting, "South", "North")
    # also one that the settings have no more
    assert "for the server North" in said(app, waiting, "South")
    assert "for the server" not in said(app, waiting, "North")


def test_a_kept_conclusion_says_whether_its_order_is_still_open(app: QApplication) -> None:
    language.set_language("en")
    kept = replace(row("1.2.9", None), state="kept")
    assert "still open in your name" in said(app, replace(kept, order_open=True))
    assert "still open in your name" not in said(app, kept)
