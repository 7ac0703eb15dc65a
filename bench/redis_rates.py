"""How many heartbeats Redis itself takes: `redis-benchmark` where it is on the PATH, or the like of it."""

import re
import select
import shutil
import socket
import subprocess
import time

import hiredis

from bench.seats_world import SeatPool, World
from seatwarden.backends.redis_keys import PoolKeys, pool_keys
from seatwarden.backends.redis_scripts import HEARTBEAT
from seatwarden.domain.seats import Grant

CONNECTIONS = 64


def redis_rate(world: World, pool: SeatPool, grant: Grant, *, pipeline: int, calls: int) -> float:
    """Heartbeats a second, one in each call, ``pipeline`` calls at a time on each of 64 connections."""
    lease, fence = bytes.fromhex(grant.lease_id), grant.fence.to_bytes(8, "big")
    words = [b"EVALSHA", HEARTBEAT.sha.encode(), str(len(PoolKeys._fields)).encode()]
    words += [key.encode() for key in pool_keys(pool.uid)] + [pool.key.sha256.encode(), lease, fence]
    program = shutil.which("redis-benchmark")
    if program is None or b"\0" in lease:
        return _own_rate(world.redis.port, words, pipeline, calls)
    command = [program, "-p", str(world.redis.port), "-c", str(CONNECTIONS), "-P", str(pipeline)]
    # A fence has zero bytes, which no argument may have: -x takes the last word from stdin.
    said = subprocess.run(
        [*command, "-n", str(calls), "-q", "-x", *words[:-1]], input=fence, capture_output=True, check=True
    )
    found = re.findall(rb"([\d.]+) requests per second", said.stdout)
    return float(found[-1])


def _own_rate(port: int, words: list[bytes], pipeline: int, calls: int) -> float:
    batch = hiredis.pack_command(tuple(words)) * pipeline  # type: ignore[arg-type]  # its stub wants one word
    poll = select.epoll()
    connections: dict[int, tuple[socket.socket, hiredis.Reader]] = {}
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connections[connection.fileno()] = connection, hiredis.Reader(notEnoughData=poll)
        poll.register(connection.fileno(), select.EPOLLIN)
    began = time.perf_counter()
    for connection, _ in connections.values():
        connection.sendall(batch)
    sent, received = CONNECTIONS * pipeline, 0
    waiting = dict.fromkeys(connections, pipeline)
    while received < sent:
        for number, _ in poll.poll():
            connection, reader = connections[number]
            reader.feed(connection.recv(65536))
            while reader.gets() is not poll:
                received += 1
                waiting[number] -= 1
            if waiting[number] == 0 and sent < calls:
                connection.sendall(batch)
                sent += pipeline
                waiting[number] = pipeline
    seconds = time.perf_counter() - began
    for connection, _ in connections.values():
        connection.close()
    poll.close()
    return received / seconds
