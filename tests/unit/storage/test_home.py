"""A home is a private folder on a local disk, or it is refused."""

import stat
from pathlib import Path

import pytest

from bot.kernel.errors import BotError
from bot.storage.home import Home, check_home, create_home, file_system_of, schema_source


def test_a_new_home_has_private_folders_and_the_schemas(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home")
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in home.folders())
    names = {path.relative_to(home.schemas) for path in home.schemas.rglob("*.json")}
    assert names == {path.relative_to(schema_source()) for path in schema_source().rglob("*.json")}


def test_making_a_home_again_changes_nothing_but_an_outdated_schema(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home")
    schema = home.schemas / "managed_state.schema.json"
    schema.write_text("{}")
    home.settings_file.write_text("x = 1")
    create_home(tmp_path / "home")
    assert schema.read_bytes() == (schema_source() / schema.name).read_bytes()
    assert home.settings_file.read_text() == "x = 1"


def test_a_world_writable_folder_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    root = tmp_path / "open"
    root.mkdir()
    root.chmod(0o777)
    with pytest.raises(BotError, match="folder_unsafe"):
        create_home(root)
    assert list(root.iterdir()) == []


def test_a_sticky_folder_is_refused(tmp_path: Path) -> None:
    home = create_home(tmp_path / "home")
    home.locks.chmod(0o1700)
    with pytest.raises(BotError, match="sticky") as refused:
        check_home(home)
    assert refused.value.code == "folder_unsafe"


def test_a_folder_without_state_is_no_home(tmp_path: Path) -> None:
    with pytest.raises(BotError) as missing:
        check_home(Home(tmp_path))
    assert missing.value.code == "home_missing"


def test_state_and_backups_on_two_file_systems_are_refused(tmp_path: Path) -> None:
    memory = Path("/dev/shm")  # noqa: S108 - the other file system that every Linux has
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    home = create_home(tmp_path / "home")
    for folder in sorted(home.backups.iterdir()):
        folder.rmdir()
    home.backups.rmdir()
    other = memory / f"bot-test-{tmp_path.name}-{tmp_path.stat().st_ino}"
    other.mkdir(mode=0o700)
    try:
        home.backups.symlink_to(other)
        with pytest.raises(BotError, match="two file systems"):
            check_home(home)
    finally:
        other.rmdir()


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_a_network_file_system_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    home = create_home(tmp_path / "my home")
    mounts = tmp_path / "mountinfo"
    place = str(home.root).replace(" ", "\\040")
    local = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    mounts.write_text(f"{local}22 21 0:40 / {place} rw - {kind} server:/share rw\n", encoding="utf-8")
    with pytest.raises(BotError, match=rf"network file system \({kind}\)") as refused:
        check_home(home, mounts=mounts)
    assert refused.value.code == "folder_unsafe"
    mounts.write_text(local, encoding="utf-8")
    check_home(home, mounts=mounts)


def test_the_kernel_names_the_file_system() -> None:
    assert file_system_of(Path("/proc")) == "proc"


def test_every_path_lies_under_the_root(tmp_path: Path) -> None:
    home = Home(tmp_path)
    named = [
        getattr(home, name) for name in dir(type(home)) if isinstance(getattr(type(home), name), property)
    ]
    assert len(named) > 15
    assert all(path.is_relative_to(tmp_path) for path in named)
