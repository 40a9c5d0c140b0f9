"""Runs a program in a terminal of 80 columns, and draws what is on the screen at its end."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

COLUMNS, LINES = 80, 200
"""More lines than any screen has, so that none scrolls away."""
_FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
_PLAIN = "default"


def screen(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> list[Text]:
    """The lines that the program leaves, in their colours. It may fail."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    terminal = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(terminal)
    own = {key: value for key, value in env.items() if key not in {"CI", "NO_COLOR"}} | {"TERM": "xterm-256color"}
    with subprocess.Popen(argv, cwd=cwd, env=own, stdin=its, stdout=its, stderr=its):
        os.close(its)
        while data := _read(ours):
            stream.feed(data)
    os.close(ours)
    lines = [_line(terminal, row) for row in range(LINES)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the last program that had it is gone
        return b""


def _line(terminal: pyte.Screen, row: int) -> Text:
    line = Text()
    for column in range(COLUMNS):
        cell = terminal.buffer[row][column]
        color = "" if cell.fg == _PLAIN else cell.fg if cell.fg.isalpha() else f"#{cell.fg}"
        line.append(cell.data, style=f"{'bold ' if cell.bold else ''}{color.replace('brown', 'yellow')}".strip())
    line.rstrip()
    return line


def draw(title: str, lines: Sequence[Text], file: Path) -> None:
    """Write an SVG that loads no font from anywhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), legacy_windows=False)
    console.print(Text("$ ", style="bold green") + Text(title, style="bold"))
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)
    shown = _FONTS.sub("", CONSOLE_SVG_FORMAT).replace("Fira Code, monospace", "monospace")
    svg = console.export_svg(title="", theme=MONOKAI, code_format=shown, unique_id=file.stem)
    file.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
