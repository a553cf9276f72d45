import json

import pytest

from payments.gateways.sandbox.store import JournalBroken, Store


def test_a_journal_that_is_damaged_in_the_middle_is_refused(tmp_path):
    journal = tmp_path / "journal"
    journal.write_bytes(b'[["bill","1",{"id":"1"}]]\n{"torn\n[["bill","2",{"id":"2"}]]\n')
    with pytest.raises(JournalBroken):
        Store(journal)


def test_a_last_line_without_its_end_is_cut_off_and_written_over(tmp_path):
    journal = tmp_path / "journal"
    journal.write_bytes(b'[["bill","1",{"id":"1"}]]\n[["bill","2",{"id"')
    store = Store(journal)
    store.put("bill", {"id": "3"})
    store.close()
    again = Store(journal)
    assert [bill["id"] for bill in again.all("bill")] == ["1", "3"]
    again.close()


def test_a_change_that_fails_leaves_nothing(tmp_path):
    store = Store(tmp_path / "journal")
    store.put("bill", {"id": "1", "state": "open"})

    def fail():
        with store.change():
            store.put("bill", {"id": "1", "state": "paid"})
            assert store.find("bill", "1") == {"id": "1", "state": "paid"}
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    store.close()
    assert store.find("bill", "1") == {"id": "1", "state": "open"}
    assert len((tmp_path / "journal").read_bytes().splitlines()) == 1


def test_a_change_is_one_line_and_a_change_inside_belongs_to_it(tmp_path):
    store = Store(tmp_path / "journal")
    with store.change():
        store.put("bill", {"id": "1"})
        with store.change():
            store.put("receipt", {"id": "r"})
        store.put("bill", {"id": "2"})
        store.drop("bill", "1")
        assert [bill["id"] for bill in store.all("bill")] == ["2"]
    store.close()
    [line] = (tmp_path / "journal").read_bytes().splitlines()
    assert json.loads(line) == [
        ["bill", "1", None],
        ["receipt", "r", {"id": "r"}],
        ["bill", "2", {"id": "2"}],
    ]


def test_a_store_without_a_journal_forgets_when_it_ends():
    store = Store(None)
    store.put("bill", {"id": "1"})
    store.close()
    assert Store(None).all("bill") == []
