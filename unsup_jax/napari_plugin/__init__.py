"""The plugin for napari: a manifest, `napari.yaml`, and the widgets that it names. It reads and writes no files."""
