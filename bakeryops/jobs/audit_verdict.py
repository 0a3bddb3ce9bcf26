"""Whether an audit log is whole: every line sealed, in its place, and none cut off at the end."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bakeryops.jobs.audit_lines import FIRST, Line, seal
from bakeryops.model.history import Torn, Verdict

__all__ = ["judge"]

_MOST = 50
"""Problems that are told one by one."""


class _Look:
    """What was seen on the way through the log."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.count = 0
        self.seq = 0
        self.hash = FIRST
        self.hashes: dict[int, str] = {}
        self.loose: list[Line] = []

    def problem(self, text: str) -> None:
        """Note something that is wrong."""
        if len(self.problems) < _MOST:
            self.problems.append(text)
        elif len(self.problems) == _MOST:
            self.problems.append("and more; mend or set aside what is named first")


def judge(lines: Iterable[Line], head: tuple[int, str] | None, *, contains: str = "") -> Verdict:
    """Return what is wrong with a log, given the number and the hash of its last record as noted beside it."""
    look = _Look()
    noted = contains.lower().strip()
    seen = not noted
    for line in lines:
        if line.document is None:
            look.loose.append(line)
            continue
        _record(look, line)
        seen = seen or line.hash.startswith(noted)
    _end(look, head)
    if not seen:
        look.problem(f"no record has the hash {contains[:64]}: the log was written anew, or is another one")
    return Verdict(
        not look.problems, look.count, tuple(look.problems), tuple(look.notes), look.hash if look.count else ""
    )


def _record(look: _Look, line: Line) -> None:
    document = line.document
    assert document is not None
    where = f"line {line.number}"
    if not line.ended:
        look.notes.append(f"{where} has no line break: its writer was stopped just then")
    if seal(document) != line.hash:
        look.problem(f"{where}: the record was changed (its hash does not fit)")
    marks = _marks(document.get("torn"))
    if [each.torn for each in look.loose] != marks:
        _loose(look, line, marks)
    else:
        look.notes += [
            f"line {each.number} is unfinished: its writer was stopped, as line {line.number} says"
            for each in look.loose
        ]
    look.loose = []
    if found := document.get("found"):
        look.problem(f"{where}: when it was written, {found}")
    if line.seq <= look.seq:
        look.problem(f"{where}: record {line.seq} stands after {look.seq} (put in, repeated or moved)")
    elif line.seq > look.seq + 1:
        missing = line.seq - look.seq - 1
        some = "record is" if missing == 1 else "records are"
        look.problem(f"{where}: {missing} {some} missing before record {line.seq}")
    elif document["prev"] != look.hash:
        look.problem(f"{where}: it does not follow the record before it")
    look.count += 1
    look.seq, look.hash = line.seq, line.hash
    look.hashes = {line.seq: line.hash, look.seq - 1: look.hashes.get(look.seq - 1, "")}


def _loose(look: _Look, line: Line, marks: list[Torn | None]) -> None:
    for each in look.loose:
        if each.torn not in marks:
            look.problem(f"line {each.number} is no record: it was changed or put in")
    missing = len(marks) - sum(each.torn in marks for each in look.loose)
    if missing > 0:
        look.problem(f"line {line.number}: an unfinished line that stood before it is missing or was changed")


def _marks(value: object) -> list[Torn | None]:
    try:
        return list(msgspec.convert(value, list[Torn]))
    except msgspec.ValidationError:
        return [None]


def _end(look: _Look, head: tuple[int, str] | None) -> None:
    """Judge the end: what is noted beside the log is the last record, or the one before where a writer died."""
    if head is None:
        if look.seq > 1:
            look.problem("audit.head is missing or cannot be read: whether records were cut off cannot be told")
    elif head[0] > look.seq:
        missing = head[0] - look.seq
        look.problem(f"{missing} {'record is' if missing == 1 else 'records are'} missing at the end")
    elif head[0] < look.seq - 1:
        look.problem(f"the last {look.seq - head[0]} records were added by something else than bakeryops")
    elif look.hashes.get(head[0]) != head[1]:
        look.problem(f"record {head[0]} is not the one that audit.head names")
    for each in look.loose:
        if head is not None and head[0] > look.seq:
            look.problem(f"line {each.number} is no record: it was changed, or cut off")
        elif each.ended:
            look.problem(f"line {each.number} is no record: it was changed or put in")
        else:
            look.notes.append(f"line {each.number} is unfinished: the next record will say so")
