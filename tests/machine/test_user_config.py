"""Configuration files of site, user and project: their order, hostile content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from variant_backend._internal.errors import VariantError
from variant_backend._internal.machine import user_config
from variant_backend._internal.machine.user_config import KEYS, UserConfig, configured, policy_text


class Files:
    """The configuration files of a test: *site*, *user*, and the *project* in the current folder."""

    def __init__(self, folder: Path) -> None:
        self.site, self.user = folder / "site" / "config.toml", folder / "user" / "config.toml"
        self.project = folder / "here" / "pyproject.toml"
        for path in (self.site, self.user, self.project):
            path.parent.mkdir()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    result = Files(tmp_path)
    monkeypatch.setattr(user_config, "site_config_paths", lambda: [result.site])
    monkeypatch.setattr(user_config, "config_path", lambda: result.user)
    monkeypatch.chdir(result.project.parent)
    return result


def test_other_tests_see_no_configuration_of_this_machine() -> None:
    assert configured({}) == UserConfig()
    assert "config" in user_config.config_path().parts[-3]


def test_a_nearer_file_overrides_settings_and_adds_rules(files: Files) -> None:
    files.site.write_text(
        'trust-plugins = ["a==1", "b"]\nplugin-installer = "uv"\nallow-root = true\nmachine = "m.toml"\n'
        'index-url = ["https://site.example/simple"]\ndetect = false\n'
        '[policy]\nprefer = ["amd", "nvidia"]\nexclude = ["tpu"]\nnull-only = true\nplain = ["A.b"]\n'
    )
    files.user.write_text(
        'trust-plugins = ["a==2"]\nallow-root = false\nfind-links = ["wheels"]\nbuild-installer = "uv"\n'
        'detect = ["x86_64"]\n[policy]\nprefer = ["nvidia"]\nnull-only = false\nplain = []\n'
    )
    files.project.write_text('[tool.variant-backend.policy]\nlimit = ["x86_64 :: level :: v2"]\n')
    config = configured({}, project=True)
    assert [*map(str, config.trusted.values())] == ["a==2", "b"]
    assert (config.installer, config.build_installer, config.allow_root) == ("uv", "uv", False)
    assert config.machine == str(files.site.parent / "m.toml")
    assert config.index_urls == ("https://site.example/simple",)
    assert config.find_links == (str(files.user.parent / "wheels"),)
    assert config.detected == ("x86_64",)
    assert config.files["detect"] == str(files.user)
    assert config.rules.null_only == (str(files.site),)
    site, user = files.site, files.user
    assert policy_text(config.effects()) == (
        f"prefer nvidia ({user}); prefer amd ({site}); limit x86_64 :: level :: v2 (pyproject.toml);"
        f" exclude tpu ({site}); null-only true ({site}); plain a-b ({site})"
    )
    assert configured({}).rules.limit == ()
    texts = {effect.key: effect.value for effect in config.settings(*KEYS)}
    assert (texts["detect"], texts["allow-root"], texts["trust-plugins"]) == ("x86_64", "false", "a==2, b")


def test_a_variable_or_an_option_ignores_all_files(files: Files) -> None:
    files.site.write_text("not toml")
    assert configured({}, ignored=True) == configured({"VARIANT_BACKEND_NO_POLICY": "1"}) == UserConfig()
    with pytest.raises(VariantError, match="--no-policy or VARIANT_BACKEND_NO_POLICY=1 ignores all"):
        configured({"VARIANT_BACKEND_NO_POLICY": "0"})
    with pytest.raises(VariantError, match="VARIANT_BACKEND_NO_POLICY: expected 1, got 'yes'"):
        configured({"VARIANT_BACKEND_NO_POLICY": "yes"})


def test_the_first_folder_of_the_system_with_a_file_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name / "variant-backend" for name in ("a", "b", "c")]
    monkeypatch.setattr(user_config, "site_folders", lambda *_: folders)
    assert user_config.site_config_paths() == []
    for folder in folders[1:]:
        folder.mkdir(parents=True)
        (folder / "config.toml").touch()
    assert user_config.site_config_paths() == [folders[1] / "config.toml"]


NUMBER = "9" * 5000
HOSTILE = {
    "huge": b"#" * (2 << 20),
    "binary": bytes(range(256)),
    "deep": b"policy = " + b"[" * 5000 + b"]" * 5000,
    "dotted": b"policy." * 5000 + b"a = 1",
    "digits": f"detect = {NUMBER}".encode(),
    "digits in a key": f"[policy]\nlimit = [{NUMBER}]".encode(),
    "wrong type": b"policy = 1",
    "wrong list": b"index-url = 'https://example.org'",
    "wrong word": b"devices = 'most'",
    "wrong namespace": b"detect = ['nvida']",
    "empty source": b"find-links = [' ']",
    "stdin": b"machine = '-'",
    "escape": b'[policy]\nprefer = ["\\u001b[2J"]',
    "unknown key": b"policies = {}",
    "twice": b"machine = 'a.toml'\nmachine = 'b.toml'",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=[*HOSTILE])
def test_a_hostile_file_is_a_clear_error(files: Files, content: bytes) -> None:
    files.user.write_bytes(content)
    with pytest.raises(VariantError) as caught:
        configured({})
    assert all(line.startswith(f"{files.user}: ") for line in caught.value.lines())
    assert all(len(line) < 2000 for line in caught.value.lines())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.parametrize("which", ["user", "project"])
def test_a_pipe_is_refused_at_once(files: Files, which: str) -> None:
    path: Path = getattr(files, which)
    os.mkfifo(path)
    with pytest.raises(VariantError, match="expected a regular file, got a named pipe"):
        configured({}, project=True)


def test_a_folder_with_the_name_of_the_file_is_an_error(files: Files) -> None:
    files.user.mkdir()
    with pytest.raises(VariantError, match="expected a file, got a folder"):
        configured({})


def test_a_project_file_of_others_is_not_parsed(files: Files) -> None:
    files.project.write_text("not toml")
    assert configured({}, project=True) == UserConfig()
    files.project.write_text("not toml, and variant-backend")
    with pytest.raises(VariantError, match="invalid TOML"):
        configured({}, project=True)


def test_a_project_cannot_choose_what_runs_or_where_wheels_come_from(files: Files) -> None:
    for key in {*KEYS} - {"policy"}:
        files.project.write_text(f"[tool.variant-backend.policy]\n{key} = []\n")
        with pytest.raises(VariantError, match="unknown key"):
            configured({}, project=True)
    files.project.write_text("[tool.variant-backend.policy]\nplain = ['demo']\n")
    with pytest.raises(VariantError, match="a project's own file may only have prefer, limit, exclude"):
        configured({}, project=True)


def test_only_a_near_miss_of_a_known_namespace_is_a_warning(files: Files) -> None:
    files.user.write_text('[policy]\nprefer = ["speech", "abi_dependency", "x86_46"]\n')
    (warning,) = configured({}).warnings
    assert str(warning) == (
        f"{files.user}: unknown namespace 'x86_46' (did you mean 'x86_64'?); check the spelling"
    )
