import os

from shared.server import serve

serve(8001, f"api {os.environ['GREETING']}\n")
