"""Static files are collected once, and again when one changes."""

from kb.collect import collect_static_files


def test_static_files_are_collected_again_only_when_one_changed(settings, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.css").write_text("body {}")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"
    assert [collect_static_files(), collect_static_files()] == [True, False]
    (source / "b.css").write_text("main {}")
    assert [collect_static_files(), collect_static_files()] == [True, False]
    assert (settings.STATIC_ROOT / "b.css").exists()
