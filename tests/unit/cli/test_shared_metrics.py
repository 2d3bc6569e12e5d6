from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from kasir.cli.serve import _sharing_metrics
from kasir.errors import SettingError
from kasir.telemetry.metrics import SHARED_FOLDER


def test_the_shared_folder_is_removed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SHARED_FOLDER, "of-somebody-else")
    with _sharing_metrics():
        folder = Path(os.environ[SHARED_FOLDER])
        existed = folder.is_dir()

    assert (existed, folder.exists()) == (True, False)


def test_without_a_folder_for_temporary_files_the_cure_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(SettingError, match=r"TMPDIR.*--workers"), _sharing_metrics():
        pass
