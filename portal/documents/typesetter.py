"""A process of its own: read a report's JSON, write its PDF. It imports nothing of Mizon.

Typst keeps what it has laid out (a process that made ten long reports held 3 GB), and it stops the whole
call where its shaping meets letters it did not expect. A child gives the memory back, and takes no
one with it.
"""

import sys
from pathlib import Path

import typst

LOOK = Path(__file__).with_name("report.typ")


def main() -> None:
    """Standard input to standard output; the argument is the file's date, in seconds of Unix."""
    pdf = typst.compile(
        LOOK,
        root=LOOK.parent,
        ignore_system_fonts=True,  # the wheel's own fonts: the same bytes on every machine
        sys_inputs={"report": sys.stdin.buffer.read().decode()},
        pdf_standards="ua-1",  # Typst refuses to write a file that breaks the standard
        timestamp=int(sys.argv[1]),
    )
    sys.stdout.buffer.write(pdf)


if __name__ == "__main__":
    main()
