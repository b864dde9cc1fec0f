"""Paints a cell of the worklist: one line that matters, one below it in grey; a long question takes both."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from workstation.consultation.case import CaseRow
from workstation.ui import theme
from workstation.ui.worklist.model import CASE_ROLE, DEADLINE, PATIENT, QUESTION, SECOND_ROLE

SIDE = 10
MARK = 4
ROW_HEIGHT = 52


class CaseDelegate(QStyledItemDelegate):
    """The look of all columns."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(80, ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colors = theme.current()
        rect: QRect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.fillRect(rect, QColor(colors.selection if selected else colors.panel))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, QColor(colors.raised))
        case = index.data(CASE_ROLE)
        if isinstance(case, CaseRow):
            if index.column() == DEADLINE:
                mark = {"HIGH": colors.danger, "MEDIUM": colors.line}.get(case.priority)
                if mark is not None:
                    painter.fillRect(rect.left(), rect.top(), MARK, rect.height() - 1, QColor(mark))
            inner = rect.adjusted(SIDE, 0, -SIDE, 0)
            if index.column() == QUESTION:
                self._paragraph(painter, inner, str(index.data()))
            else:
                self._two_lines(painter, inner, index)
        painter.restore()

    @staticmethod
    def _two_lines(painter: QPainter, rect: QRect, index: QModelIndex | QPersistentModelIndex) -> None:
        colors = theme.current()
        first, second = str(index.data()), str(index.data(SECOND_ROLE) or "")
        color = index.data(Qt.ItemDataRole.ForegroundRole)
        if index.column() == PATIENT:
            font = painter.font()
            font.setBold(True)
            painter.setFont(font)
        metrics = QFontMetrics(painter.font())
        height = metrics.height()
        top = rect.center().y() - (height if second else height // 2)
        painter.setPen(color if isinstance(color, QColor) else QColor(colors.text))
        line = QRect(rect.left(), top, rect.width(), height)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, _elided(metrics, first, rect.width()))
        if second:
            font = painter.font()
            font.setBold(False)
            painter.setFont(font)
            painter.setPen(QColor(colors.muted))
            below = line.translated(0, height)
            painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, _elided(QFontMetrics(font), second, rect.width()))

    @staticmethod
    def _paragraph(painter: QPainter, rect: QRect, text: str) -> None:
        """At most two lines, the second cut where it must be."""
        metrics = QFontMetrics(painter.font())
        layout = QTextLayout(text, painter.font())
        layout.setTextOption(QTextOption(Qt.AlignmentFlag.AlignLeft))
        layout.beginLayout()
        first = layout.createLine()
        first.setLineWidth(rect.width())
        layout.endLayout()
        head = text[: first.textLength()].rstrip()
        rest = text[first.textLength() :].strip()
        height = metrics.height()
        top = rect.center().y() - (height if rest else height // 2)
        painter.setPen(QColor(theme.current().text))
        painter.drawText(QRect(rect.left(), top, rect.width(), height), Qt.AlignmentFlag.AlignVCenter, head)
        if rest:
            below = QRect(rect.left(), top + height, rect.width(), height)
            painter.drawText(below, Qt.AlignmentFlag.AlignVCenter, _elided(metrics, rest, rect.width()))


def _elided(metrics: QFontMetrics, text: str, width: int) -> str:
    return metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
