# SPDX-License-Identifier: MIT
"""servers - for the scripts of this folder that drive servers: a server that runs, and the peers that are to be built."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEERS = os.path.join(ROOT, "bench", "peers")
CARGO = ["--config", 'source.crates-io.replace-with="debian"', "--config",
         'source.debian.directory="/usr/share/cargo/registry"']
CARGO_NEEDS = ["cargo", "/usr/share/cargo/registry"]


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def cargo_command(out):
    """Builds tokio's programs below `out`, where cargo may write beside the manifest."""
    shutil.copytree(os.path.join(PEERS, "tokio"), os.path.join(out, "tokio"), dirs_exist_ok=True)
    return ["cargo", "build", "--release", "--offline", "--manifest-path", os.path.join(out, "tokio", "Cargo.toml"),
            "--target-dir", os.path.join(out, "cargo")] + CARGO


def lacks(needs):
    """Those of the commands and files that are not here."""
    return [need for need in needs if not (os.path.exists(need) if need.startswith("/") else shutil.which(need))]


def need_redis(name, programs):
    """Ends the script of that name where these are missing."""
    if lacks(programs):
        sys.exit(f"{name}: {' and '.join(lacks(programs))} missing: install redis-server and redis-tools")


def tokio_program(build, name):
    """The path of one of tokio's programs, built; None with a line that says why not."""
    out = os.path.join(build, "peers")
    if lacks(CARGO_NEEDS):
        print("# skipped: tokio: install cargo and librust-tokio-dev", file=sys.stderr)
        return None
    os.makedirs(out, exist_ok=True)
    done = subprocess.run(cargo_command(out), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(f"# skipped: tokio does not build: {done.stdout[-500:]}", file=sys.stderr)
        return None
    return os.path.join(out, "cargo", "release", name)


class Server:
    """A running server on a CPU of its own. {port} in its command is replaced by a free one."""

    def __init__(self, name, command, cpu, greet, kind=socket.SOCK_STREAM, port=None):
        self.name, self.port = name, port or free_port(kind)
        command = ["taskset", "-c", cpu] + [part.replace("{port}", str(self.port)) for part in command]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                greet(self.port)
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.stop()
                    sys.exit(f"{name} does not answer on port {self.port}")
                time.sleep(0.02)

    def stop(self):
        """The exit status; negative if it did not end by itself."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
