"""Whether a child is ready: probes carried out."""
