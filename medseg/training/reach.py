"""Whether W&B can be reached at all: a key, and a server that answers."""

from __future__ import annotations

import netrc
import os
import ssl
import threading
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import Request, urlopen


def has_key() -> bool:
    """Whether W&B would find a key without asking for one: in the environment, or in the netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    path = os.environ.get("NETRC")
    try:
        return netrc.netrc(path).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def silence(address: str, seconds: float) -> str:
    """Why no answer came from W&B's server within these seconds; "" where any came, were it a refusal.

    Asked before W&B itself is, which would go on asking when the training has long ended.
    """
    said = [f"no answer in {seconds:g} s"]

    def ask() -> None:
        try:
            urlopen(Request(address, method="HEAD"), timeout=seconds).close()
        except HTTPError:
            said.append("")
        except TimeoutError:
            return  # connected, and silent: the limit of the socket may come a moment before that of join
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", error)  # a certificate is W&B's to judge
            said.append("" if isinstance(cause, ssl.SSLError) else getattr(cause, "strerror", None) or str(cause))
        else:
            said.append("")

    asking = threading.Thread(target=ask, daemon=True)  # looking up a name knows no time limit
    asking.start()
    asking.join(seconds)
    return said[-1] and f"{said[-1]} from {address}"
