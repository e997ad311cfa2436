"""The plugin of odd_plugin.py at an address: remote_plugin.py ADDRESS [TLS_FOLDER].

Prints its address, and runs until its input ends. TLS_FOLDER: ca.pem, server.pem, server.key; then
clients must prove themselves.
"""

import concurrent.futures
import os
import pathlib
import sys

import grpc

import odd_plugin


def credentials(folder):
    def read(name):
        return (folder / name).read_bytes()
    return grpc.ssl_server_credentials([(read("server.key"), read("server.pem"))],
                                       root_certificates=read("ca.pem"), require_client_auth=True)


def main(address, tls_folder=None):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=4))
    plugin = odd_plugin.OddPlugin(odd_plugin.FileNotes(os.environ["NOTES_FILE"]))
    server.add_generic_rpc_handlers((odd_plugin.template.handlers(plugin),))
    if tls_folder is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials(pathlib.Path(tls_folder)))
    server.start()
    print(address if address.startswith("unix:") else f"127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop(grace=None).wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
