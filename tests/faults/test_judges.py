#!/usr/bin/python3
"""The harnesses themselves: the disk's model, and what faults.py calls wrong. Cases are condition_expectation."""
import pathlib
import tempfile
import unittest

import disk
import faults
import lab


def record(kind, path, data=b"", offset=0, other=""):
    return disk.Record(kind, path, other, offset, data)


def replay(records, model="loose"):
    """The disk after these records, on an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        state = disk.Disk(folder, model)
    for entry in records:
        state.apply(entry)
    return state


def lost(state):
    return state.image(lambda change: False, lambda entry: "lost")


NEW = [record("create", "a.tmp"), record("write", "a.tmp", b"abcd"), record("rename", "a.tmp", other="a")]


class DiskLoses(unittest.TestCase):
    def test_nothing_synced_all_may_go(self):
        self.assertEqual(lost(replay(NEW)), {})

    def test_file_synced_its_name_may_go(self):
        self.assertEqual(lost(replay(NEW[:2] + [record("sync", "a.tmp")] + NEW[2:])), {})

    def test_folder_synced_bytes_may_go(self):
        self.assertEqual(lost(replay(NEW + [record("sync", "")])), {"a": b""})

    def test_both_synced_all_stays(self):
        self.assertEqual(lost(replay(NEW[:2] + [record("sync", "a.tmp"), NEW[2], record("sync", "")])), {"a": b"abcd"})

    def test_synced_under_another_name_counts(self):
        links = [record("link", "a", other="b"), record("sync", "b"), record("sync", "")]
        self.assertEqual(lost(replay(NEW + links)), {"a": b"abcd", "b": b"abcd"})

    def test_written_after_the_sync_may_go(self):
        state = replay(NEW + [record("sync", "a"), record("sync", ""), record("write", "a", b"ef", 4)])
        self.assertEqual(lost(state), {"a": b"abcd"})
        self.assertEqual(state.image(lambda change: True, lambda entry: "half"), {"a": b"abcde"})

    def test_folder_of_an_unsynced_folder_may_go(self):
        inner = [record("mkdir", "f"), record("create", "f/a"), record("sync", "f/a"), record("sync", "f")]
        self.assertEqual(lost(replay(inner)), {})
        self.assertEqual(lost(replay(inner + [record("sync", "")])), {"f": None, "f/a": b""})

    def test_removal_unsynced_comes_back(self):
        state = replay(NEW + [record("sync", "a"), record("sync", ""), record("unlink", "a")])
        self.assertEqual(lost(state), {"a": b"abcd"})

    def test_rename_is_whole(self):
        state = replay(NEW[:2] + [record("sync", "")] + NEW[2:])
        self.assertEqual(state.image(lambda change: True, lambda entry: "kept"), {"a": b"abcd"})
        self.assertEqual(state.image(lambda change: False, lambda entry: "kept"), {"a.tmp": b"abcd"})

    def test_loose_keeps_a_later_name_without_an_earlier_one(self):
        state = replay([record("create", "a"), record("create", "b")])
        first = state.pending[0]
        self.assertEqual(state.image(lambda change: change is not first, lambda entry: "kept"), {"b": b""})

    def test_ordered_does_not(self):
        state = replay([record("create", "a"), record("create", "b")], "ordered")
        first = state.pending[0]
        self.assertEqual(state.image(lambda change: change is not first, lambda entry: "kept"), {})

    def test_name_rests_on_what_it_is_made_of(self):
        state = replay(NEW)
        first = state.pending[0]
        self.assertEqual(state.image(lambda change: change is not first, lambda entry: "kept"), {})


class FaultsJudges(unittest.TestCase):
    FOLDER = pathlib.Path("/run/case")

    def ends(self, status, error, name="EIO"):
        struck = [(faults.Call(7, "read", "/run/case/run/checkpoint.h5"), name)]
        return list(faults.judge_end(lab.Ended(status, "", error), struck, self.FOLDER))

    def test_told_as_it_was_is_right(self):
        self.assertEqual(self.ends(75, "apd train: /run/case/run/checkpoint.h5: cannot read: Input/output error"), [])
        self.assertEqual(self.ends(74, "apd: /run/case/run/x: cannot write: No space left on device", "ENOSPC"), [])
        self.assertEqual(self.ends(0, ""), [])

    def test_called_damage_is_wrong(self):
        found = self.ends(65, "apd train: /run/case/run/checkpoint.h5: damaged: Input/output error")
        self.assertTrue(found[0].startswith("called damage"))

    def test_signal_or_hang_is_wrong(self):
        self.assertIn("a crash: -11", self.ends(-11, ""))
        self.assertEqual(self.ends(None, ""), ["a hang"])

    def test_wrong_status_is_wrong(self):
        self.assertTrue(self.ends(74, "apd train: /run/case/run/checkpoint.h5: cannot read: Input/output error"))
        self.assertTrue(self.ends(75, "apd train: /run/case/run/x: cannot write: No space left on device", "ENOSPC"))

    def test_message_without_reason_or_file_is_wrong(self):
        self.assertTrue(self.ends(75, "apd train: /run/case/run/checkpoint.h5: cannot read"))
        self.assertTrue(self.ends(75, "apd train: cannot read: Input/output error"))


if __name__ == "__main__":
    unittest.main()
