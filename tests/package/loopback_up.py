#!/usr/bin/python3
"""Brings up the loopback interface of a new network namespace, as `ip link set lo up` does."""

import fcntl
import socket
import struct

SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x1 | 0x40

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP_RUNNING))
