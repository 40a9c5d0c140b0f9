"""A job of cron's, which has the container's variables."""

import os
from pathlib import Path

Path("/reports/last").write_text(f"{os.environ['REPORT']} ran")
print("the job ran")
