"""A receipt as a page of text in the outbox: to read, to select, to copy as a whole.

Its lines are those that the command line prints.
"""

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from workstation.consultation.receipt import Receipt
from workstation.language import _


class ReceiptView(QWidget):
    """The receipt of one delivered conclusion."""

    def __init__(self, receipt: Receipt, parent: QWidget) -> None:
        super().__init__(parent)
        self.page = QPlainTextEdit(receipt.text(), self)
        self.page.setReadOnly(True)
        self.page.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.page.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.page.setAccessibleName(_("Receipt of a delivered conclusion"))
        copy = QPushButton(_("Copy the receipt"), self)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.page.toPlainText()))
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(copy)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.page, 1)
        outer.addLayout(foot)
