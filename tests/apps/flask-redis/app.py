import os

import redis
from flask import Flask

app = Flask(__name__)
cache = redis.Redis(host=os.environ["REDIS_HOST"])


@app.get("/")
def home():
    return f"Seen {cache.incr('hits')} times.\n"


@app.get("/healthz")
def healthz():
    return "ok\n"
