"""A cache over many Redis nodes that is never stale."""
