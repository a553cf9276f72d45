"""Files of evidence, judged as from the command line."""

import pytest

from foundation.database import Database
from ledger.verify import run
from tests.ledger.desk import Desk
from tests.ledger.evidence.archive import Archive
from tests.ledger.evidence.town import KEY, written


@pytest.fixture
def judged(tmp_path, capsys):
    """The exit code and the words on a file of these lines."""

    def judge(*lines, key: str = KEY) -> tuple[int, str]:
        code = run([str(written(tmp_path / "file", *lines))], [key])
        return code, capsys.readouterr().out

    return judge


@pytest.fixture
def raw_judged(tmp_path, capsys):
    """The exit code and the words on a file of these bytes."""

    def judge(content: bytes) -> tuple[int, str]:
        (tmp_path / "file").write_bytes(content)
        code = run([str(tmp_path / "file")], [KEY])
        return code, capsys.readouterr().out

    return judge


@pytest.fixture
def archive(empty: Database, tmp_path) -> Archive:
    """Two open books in a database of their own, nothing posted yet."""
    return Archive(empty, tmp_path, Desk(empty).open())
