"""Ray's start and the signals of the search."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from medadapt.core.progress import Silent
from medadapt.workflow.search.local_ray import local_ray
from medadapt.workflow.search.scratch import scratch_folder
from medadapt.workflow.signals import Interruption, stop_signals


def test_a_sigterm_while_ray_starts_ends_the_search_as_any_other():
    def once_ray_has_put_its_own_handler(ours: object) -> None:
        deadline = time.monotonic() + 60
        while signal.getsignal(signal.SIGTERM) == ours and time.monotonic() < deadline:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)

    with stop_signals(Silent()) as stopping, scratch_folder() as scratch:
        sender = threading.Thread(target=once_ray_has_put_its_own_handler, args=[stopping.receive])
        sender.start()
        with pytest.raises(Interruption) as ended, local_ray(scratch, cpus=1, gpus=0):
            pass
        sender.join()
        kept = signal.getsignal(signal.SIGTERM)

    assert ended.value.signal_number == signal.SIGTERM
    assert kept == stopping.receive
