import socket
import threading
import time

from scripts.benchmarks.slow_line import Line, SlowLine


def test_a_bad_line_loses_nothing_and_keeps_the_order():
    data = bytes(range(256)) * 300
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo():
            connection, _ = server.accept()
            with connection:
                while part := connection.recv(4096):
                    connection.sendall(part)

        thread = threading.Thread(target=echo)
        thread.start()
        line = SlowLine(server.getsockname()[1], Line(delay_s=0.02, loss=0.05))
        start_s = time.monotonic()
        with socket.create_connection(("127.0.0.1", line.port)) as near:
            near.sendall(data)
            got = b""
            while len(got) < len(data):
                got += near.recv(1 << 16)
        line.close()
        thread.join(10)
    assert got == data
    assert line.lost > 0
    assert time.monotonic() - start_s > 0.02
