from .bundle import export_bundle as export_bundle
