"""Two operators' commands, interleaved effect by effect over one environment in memory, with kills and faults."""
