"""Rewrites a C++ file so that it holds many small bugs, each off until MUTANT names it (mutant.h).

libclang says where the conditions and statements are. What a macro makes is left alone, but for
ONETAKE_RETURN_IF_ERROR, which is a statement that may be left out like others.
"""

import dataclasses
import re

import clang.cindex
from clang.cindex import CursorKind

FUNCTIONS = {CursorKind.FUNCTION_DECL, CursorKind.CXX_METHOD, CursorKind.CONSTRUCTOR,
             CursorKind.DESTRUCTOR, CursorKind.FUNCTION_TEMPLATE, CursorKind.CONVERSION_FUNCTION}
CONDITIONAL = {CursorKind.IF_STMT, CursorKind.WHILE_STMT, CursorKind.CONDITIONAL_OPERATOR}
# An operator, and the one that takes its place.
OTHER = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||",
         "||": "&&"}
# Statements without which nothing has to be different: what makes room, what is told to people
# and to graphs, and what stops the program for the crash test.
UNJUDGED = re.compile(r"(\(void\)|ONETAKE_(?:CHECK|FAILPOINT)|[\w.>()-]*(?:reserve|shrink_to_fit)\("
                      r"|[\w.>()-]*(?:Log|log|observer)\w*(?:\.|->|\())")


@dataclasses.dataclass
class Mutant:
    number: int
    path: str
    line: int
    kind: str  # "negate", "drop", or what becomes what
    text: str  # what it changes, in one line


class File:
    """One file, rewritten. `first` is the number of its first mutant; those that `skip` numbers do
    not compile."""

    def __init__(self, path, name, arguments, first, skip=frozenset()):
        self._source = path.read_bytes()
        self._name, self.next, self._skip = name, first, skip
        self.mutants = []
        unit = clang.cindex.Index.create().parse(
            str(path), arguments,
            options=clang.cindex.TranslationUnit.PARSE_DETAILED_PROCESSING_RECORD)
        errors = [d for d in unit.diagnostics if d.severity >= clang.cindex.Diagnostic.Error]
        if errors:
            raise ValueError(f"{name}: {errors[0]}")
        self._path = str(path)
        self._macros = {}
        for cursor in unit.cursor.get_children():
            if cursor.kind == CursorKind.MACRO_INSTANTIATION and self._here(cursor):
                start, end = self._range(cursor)
                self._macros[start] = (end, cursor.spelling)
        self.text = b'#include "tests/mutation/mutant.h"\n' + self._rewritten(unit.cursor)

    def _here(self, cursor):
        file = cursor.extent.start.file
        return file is not None and file.name == self._path

    @staticmethod
    def _range(cursor):
        return cursor.extent.start.offset, cursor.extent.end.offset

    def _in_macro(self, start):
        return any(begin <= start < end for begin, (end, _) in self._macros.items())

    def _number(self, kind, start, text):
        number = self.next
        self.next += 1
        if number in self._skip:
            return None
        line = self._source[:start].count(b"\n") + 1
        shown = " ".join(text.decode().split())
        self.mutants.append(Mutant(number, self._name, line, kind, shown))
        return b"::onetake_mutation::On(%d)" % number

    def _rewritten(self, cursor, inside=False, asked=False):
        """The file's text at the cursor, with its changes; `inside` a function that runs, `asked`
        as the whole of a condition."""
        if cursor.kind == CursorKind.TRANSLATION_UNIT:
            start, end = 0, len(self._source)
        else:
            start, end = self._range(cursor)
        head = self._source[start:end].split(b"{")[0]
        if cursor.kind in FUNCTIONS:
            inside = not re.search(rb"\b(constexpr|consteval)\b", head)
        elif re.match(rb"(static )?constexpr\b|static_assert\b", head):
            inside = False
        pieces, position, parts = [], start, {}
        for child in sorted(filter(self._here, cursor.get_children()), key=self._range):
            begin, finish = self._range(child)
            if begin < position or finish > end or child.kind.is_preprocessing():
                continue
            own = self._macros.get(begin)
            if inside and own and cursor.kind == CursorKind.COMPOUND_STMT:
                text, finish = self._statement_of_macro(begin, *own)
            elif self._in_macro(begin):
                continue
            else:
                whole_condition = (asked and (begin, finish) == (start, end)) or (
                    cursor.kind in CONDITIONAL and is_condition(child, cursor))
                text = self._rewritten(child, inside, whole_condition)
                if inside:
                    text = self._judged(cursor, child, begin, finish, text)
            parts[begin] = (finish, text)
            pieces += [self._source[position:begin], text]
            position = finish
        pieces.append(self._source[position:end])
        text = b"".join(pieces)
        if not inside:
            return text
        if cursor.kind == CursorKind.RETURN_STMT:
            return self._returned(cursor, text)
        return self._operator(cursor, text, parts, asked)

    def _statement_of_macro(self, begin, end, name):
        text = self._source[begin:end]
        if name == "ONETAKE_RETURN_IF_ERROR":
            on = self._number("drop", begin, text)
            if on:
                text = b"if (!%s) { %s; }" % (on, text)
        return text, end

    def _judged(self, parent, child, begin, end, text):
        """The child as a condition or a statement of its parent."""
        whole = self._source[begin:end]
        if parent.kind in CONDITIONAL and is_condition(child, parent):
            if b"constexpr" in self._source[parent.extent.start.offset:begin]:
                return text
            on = self._number("negate", begin, whole)
            return b"(static_cast<bool>(%s) != %s)" % (text, on) if on else text
        if (parent.kind == CursorKind.COMPOUND_STMT and child.kind.is_expression()
                and not UNJUDGED.match(whole.decode())):
            on = self._number("drop", begin, whole)
            return b"if (!%s) %s" % (on, text) if on else text
        return text

    def _returned(self, cursor, text):
        """`return E::kOne` as `return On(7) ? E::kTwo : E::kOne`."""
        start, end = self._range(cursor)
        whole = self._source[start:end]
        match = re.fullmatch(rb"return ((?:\w+::)*)(k\w+)", whole)
        constant = match and next((c.referenced for c in cursor.walk_preorder()
                                   if c.kind == CursorKind.DECL_REF_EXPR), None)
        if not constant or constant.kind != CursorKind.ENUM_CONSTANT_DECL:
            return text
        names = [c.spelling for c in constant.semantic_parent.get_children()]
        other = names[(names.index(constant.spelling) + 1) % len(names)]
        on = self._number(f"{constant.spelling} to {other}", start, whole)
        value = match[1] + match[2]
        return b"return %s ? %s : %s" % (on, match[1] + other.encode(), value) if on else text

    def _operator(self, cursor, text, parts, asked):
        """`a < b` as `(On(7) ? a <= b : a < b)`."""
        if cursor.kind not in (CursorKind.BINARY_OPERATOR, CursorKind.CALL_EXPR):
            return text
        start = self._range(cursor)[0]
        sides = sorted(parts.items())
        if len(sides) < 2 or sides[0][0] != start:
            return text
        (_, (left_end, left)), (right_start, (end, right)) = sides[0], sides[-1]
        operator = self._source[left_end:right_start].decode().strip()
        # `if (a == b)` is negated anyway.
        if operator not in OTHER or (asked and operator in ("==", "!=")):
            return text
        on = self._number(f"{operator} to {OTHER[operator]}", start, self._source[start:end])
        if not on:
            return text
        if operator in ("==", "!="):
            return b"(static_cast<bool>(%s) != %s)" % (text, on)
        if operator in ("&&", "||"):
            # Each side once where chains grow, on the left.
            on = on if operator == "&&" else b"!" + on
            left, right = (b"static_cast<bool>(%s)" % side for side in (left, right))
            return b"(%s ? %s || %s : %s && %s)" % (left, on, right, on, right)
        return b"(%s ? %s %s %s : %s)" % (on, left, OTHER[operator].encode(), right, text)


def is_condition(child, parent):
    """Whether the parent asks just this; not when it declares something there."""
    children = list(parent.get_children())
    if children and children[0].kind == CursorKind.DECL_STMT:
        children = children[1:]
    return bool(children) and children[0].kind.is_expression() and children[0] == child
