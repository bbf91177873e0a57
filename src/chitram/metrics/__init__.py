"""Every metric: its name, labels, buckets and help. Recording is an integer's increment; the work is done at a scrape.

Labels are bounded: nodes, routes, methods, results and the like, never an id, a key, a user or a path. Each application
has a registry of its own, so two can live in one process. Nothing here may do any I/O.
"""

from chitram.metrics.gauges import Gauges, NodeGauge
from chitram.metrics.null import NullMetrics
from chitram.metrics.operations import NodeFigures
from chitram.metrics.recorder import Metrics
from chitram.metrics.work import Work

__all__ = ["Gauges", "Metrics", "NodeFigures", "NodeGauge", "NullMetrics", "Work"]
