"""Calls of a Kubernetes API server over HTTPS with a client certificate. Nothing but the standard library."""

import base64
import datetime
import http.client
import json
import pathlib
import ssl

MERGE = "application/merge-patch+json"


class Away(Exception):
    """The API server did not answer."""


def now(micro=False):
    moment = datetime.datetime.now(datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


class Api:
    def __init__(self, lab, who="nodes"):
        lab = pathlib.Path(lab)
        self.port = int((lab / "port").read_text()) + 2
        self.context = ssl.create_default_context(cafile=lab / "pki/ca.crt")
        self.context.load_cert_chain(lab / f"pki/{who}.crt", lab / f"pki/{who}.key")
        self.connection = None

    def call(self, method, path, body=None, kind="application/json"):
        """The status and what was answered. An idle connection may have been closed, so a second try is made."""
        words = None if body is None else json.dumps(body)
        for attempt in (1, 2):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=5)
                self.connection.request(method, path, words, {"Content-Type": kind})
                answer = self.connection.getresponse()
                text = answer.read()
                return answer.status, json.loads(text) if text.startswith(b"{") else {}
            except (http.client.HTTPException, OSError) as error:
                self.connection = None
                if attempt == 2:
                    raise Away(str(error)) from error
        raise AssertionError("unreachable")

    def get(self, path):
        status, answer = self.call("GET", path)
        if status >= 500:
            raise Away(f"{path}: {status}")
        return answer

    def items(self, path):
        status, answer = self.call("GET", path)
        if status != 200:
            raise Away(f"{path}: {status}")
        return answer.get("items") or []

    def patch(self, path, body):
        return self.call("PATCH", path, body, MERGE)


def tag(text):
    """A short name that is right in a Kubernetes name."""
    return base64.b32encode(text.encode()).decode().lower().strip("=")[-8:]
