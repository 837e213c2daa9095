# SPDX-License-Identifier: MIT
"""ringmail from Python, by ctypes alone: systems, ports, and actors whose handlers are Python functions.

Handles are plain integers, every call is a function of the shared library, and the layout of structs and the values of
constants are asked from it by name (rim_ffi_field, rim_ffi_value).

A shard that this process steps (`embedded`) runs handlers within System.step, on the thread that steps: a Python actor
lives there. Actors of C live anywhere.
"""
import ctypes
import os
import select
import sys
import time
from ctypes import CFUNCTYPE, byref, c_bool, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

FOREVER = 2**64 - 1


class Error(Exception):
    def __init__(self, code):
        super().__init__("%s (%s)" % (_lib.rim_strerror(code).decode(), _lib.rim_error_name(code).decode()))
        self.code = code


def _ensure_room_for_jemalloc():
    """The library's allocator has thread-local data that must be near, and glibc keeps little room for what is loaded
    late. How much can only be said when a process starts: so this one starts again, once."""
    room = "glibc.rtld.optional_static_tls"
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if room not in tunables:
        os.environ["GLIBC_TUNABLES"] = ":".join(filter(None, [tunables, room + "=16384"]))
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def load(path):
    """The library: to be called first."""
    global _lib
    _ensure_room_for_jemalloc()
    _lib = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    signatures = {
        "rim_ffi_size": (c_size_t, c_char_p),
        "rim_ffi_field": (c_int, c_char_p, c_void_p, c_void_p),
        "rim_ffi_value": (c_int, c_char_p, c_void_p),
        "rim_strerror": (c_char_p, c_int),
        "rim_error_name": (c_char_p, c_int),
        "rim_system_create": (c_int, c_char_p, c_void_p),
        "rim_system_start": (c_int, c_void_p),
        "rim_system_stop": (c_int, c_void_p, c_uint64, c_char_p),
        "rim_system_destroy": (None, c_void_p),
        "rim_system_spawn": (c_int, c_void_p, c_void_p, c_char_p, c_char_p, c_size_t, c_void_p),
        "rim_system_find": (c_uint64, c_void_p, c_char_p),
        "rim_shard_fd": (c_int, c_void_p, c_uint32),
        "rim_shard_step": (c_int, c_void_p, c_uint32, c_uint64),
        "rim_shard_next": (c_int64, c_void_p, c_uint32),
        "rim_port_open": (c_int, c_void_p, c_char_p, c_void_p),
        "rim_port_close": (None, c_void_p),
        "rim_port_ref": (c_uint64, c_void_p),
        "rim_port_fd": (c_int, c_void_p),
        "rim_port_send": (c_int, c_void_p, c_uint64, c_uint32, c_char_p, c_size_t),
        "rim_port_request": (c_int, c_void_p, c_char_p, c_void_p),
        "rim_port_reply": (c_int, c_void_p, c_uint64, c_uint32, c_char_p, c_size_t),
        "rim_port_monitor": (c_int, c_void_p, c_uint64, c_uint64, c_void_p),
        "rim_port_stop": (c_int, c_void_p, c_uint64),
        "rim_port_receive": (c_int, c_void_p, c_char_p, c_uint32, c_uint64),
        "rim_send": (c_int, c_void_p, c_uint64, c_uint32, c_char_p, c_size_t),
        "rim_reply": (c_int, c_void_p, c_uint64, c_uint32, c_char_p, c_size_t),
        "rim_is_request": (c_bool, c_void_p),
        "rim_after": (c_uint64, c_void_p, c_uint64, c_uint64),
        "rim_tag": (c_uint32, c_void_p),
        "rim_size": (c_size_t, c_void_p),
        "rim_from": (c_uint64, c_void_p),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(_lib, name)
        function.restype = result
        function.argtypes = arguments


def check(code):
    if code < 0:
        raise Error(code)
    return code


def value(name):
    """A constant by its name in the headers."""
    number = c_int64()
    check(_lib.rim_ffi_value(name.encode(), byref(number)))
    return number.value


class Layout:
    """A struct of the library's: packs named numbers into bytes, and reads them back."""

    def __init__(self, name):
        self.name = name
        self.size = _lib.rim_ffi_size(name.encode())
        self.places = {}

    def place(self, field):
        if field not in self.places:
            offset, size = c_uint32(), c_uint32()
            check(_lib.rim_ffi_field(("%s.%s" % (self.name, field)).encode(), byref(offset), byref(size)))
            self.places[field] = (offset.value, size.value)
        return self.places[field]

    def pack(self, **fields):
        block = bytearray(self.size)
        for field, number in fields.items():
            offset, size = self.place(field)
            block[offset:offset + size] = int(number).to_bytes(size, "little", signed=number < 0)
        return bytes(block)

    def read(self, block, field, start=0, signed=False):
        offset, size = self.place(field)
        return int.from_bytes(block[start + offset:start + offset + size], "little", signed=signed)


def _text(string):
    """A C string that Python keeps, and its address."""
    kept = ctypes.create_string_buffer(string.encode())
    return kept, ctypes.addressof(kept)


# ---- actors in Python ----

_HANDLER = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_void_p)
_INIT = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_size_t)


class Context:
    """What a handler may do; valid until it returns."""

    def __init__(self, ctx, msg):
        self._ctx = ctx
        self.tag = _lib.rim_tag(msg)
        self.sender = _lib.rim_from(msg)
        self.is_request = _lib.rim_is_request(ctx)

    def send(self, to, tag, body=b""):
        return check(_lib.rim_send(self._ctx, to, tag, body, len(body)))

    def reply(self, tag, body=b""):
        return check(_lib.rim_reply(self._ctx, 0, tag, body, len(body)))

    def after(self, seconds, cookie=0):
        return _lib.rim_after(self._ctx, int(seconds * 1e9), cookie)


class Actors:
    """One behaviour table for all actors in Python: the state of each is the number of its object."""

    def __init__(self):
        self.objects = {}
        self.errors = []
        self._keep = [_INIT(self._init), _HANDLER(self._handle), *_text("python")]
        init, handle = (ctypes.cast(function, c_void_p).value for function in self._keep[:2])
        table = Layout("rim_behaviour").pack(name=self._keep[3], state_size=8, init=init, other=handle)
        self._keep.append(ctypes.create_string_buffer(table, len(table)))
        self.behaviour = ctypes.addressof(self._keep[-1])

    def _init(self, ctx, state, arg, size):
        ctypes.memmove(state, arg, size)
        return value("RIM_DONE")

    def _handle(self, ctx, state, body, msg):
        number = int.from_bytes(ctypes.string_at(state, 8), "little")
        content = ctypes.string_at(body, _lib.rim_size(msg)) if body else b""
        try:
            stop = self.objects[number].receive(Context(ctx, msg), content)
            return value("RIM_STOP" if stop else "RIM_DONE")
        except Exception as error:  # it must not reach the C code: the actor fails
            self.errors.append(error)
            return value("RIM_FAIL")


# ---- systems ----


class System:
    def __init__(self, **config):
        self._handle = c_void_p()
        self._actors = Actors()
        self.embedded = config.get("embedded_shards", config.get("shards", 1)) if config.get("embedded") else 0
        check(_lib.rim_system_create(Layout("rim_config").pack(**config), byref(self._handle)))

    def start(self):
        check(_lib.rim_system_start(self._handle))

    def spawn(self, behaviour, arg=b"", **options):
        """An actor of C: the address of its table."""
        ref = c_uint64()
        packed = Layout("rim_spawn_options").pack(**options)
        check(_lib.rim_system_spawn(self._handle, behaviour, packed, arg, len(arg), byref(ref)))
        return ref.value

    def spawn_python(self, actor, shard=0):
        """An object with a method receive(context, body), which returns True to stop. On an embedded shard."""
        number = len(self._actors.objects)
        self._actors.objects[number] = actor
        place = value("RIM_ON_SHARD")
        return self.spawn(self._actors.behaviour, number.to_bytes(8, "little"), place=place, shard=shard)

    @property
    def errors(self):
        return self._actors.errors

    def step(self, wait=0.0):
        """Waits for news of the embedded shards, at most so many seconds, and runs what is ready."""
        next_ns = [_lib.rim_shard_next(self._handle, shard) for shard in range(self.embedded)]
        due = [n / 1e9 for n in next_ns if n >= 0]
        watched = [check(_lib.rim_shard_fd(self._handle, shard)) for shard in range(self.embedded)]
        select.select(watched, [], [], min([wait, *due]))
        for shard in range(self.embedded):
            check(_lib.rim_shard_step(self._handle, shard, 1000000))

    def stop(self, seconds=10.0):
        layout = Layout("rim_stop_report")
        report = ctypes.create_string_buffer(layout.size)
        check(_lib.rim_system_stop(self._handle, int(seconds * 1e9), report))
        return {name: layout.read(report.raw, name) for name in ("lost", "dead", "adds_up", "leaks")}

    def __enter__(self):
        return self

    def __exit__(self, *error):
        _lib.rim_system_destroy(self._handle)


# ---- ports ----


class Item:
    def __init__(self, layout, block, start):
        for name in ("kind", "tag", "from", "request", "cookie"):
            setattr(self, "sender" if name == "from" else name, layout.read(block, name, start))
        self.error = layout.read(block, "error", start, signed=True)
        body, size = layout.read(block, "body", start), layout.read(block, "size", start)
        self.body = ctypes.string_at(body, size) if body else b""  # a copy: the library's is gone with the next receive


class Port:
    BATCH = 64

    def __init__(self, system, **options):
        self._handle = c_void_p()
        self._layout = Layout("rim_port_item")
        self._block = ctypes.create_string_buffer(self._layout.size * self.BATCH)
        check(_lib.rim_port_open(system._handle, Layout("rim_port_options").pack(**options), byref(self._handle)))
        self.ref = _lib.rim_port_ref(self._handle)

    def fileno(self):
        return _lib.rim_port_fd(self._handle)

    def send(self, to, tag, body=b""):
        check(_lib.rim_port_send(self._handle, to, tag, body, len(body)))

    def request(self, to, tag, body=b"", seconds=5.0, cookie=0):
        kept = ctypes.create_string_buffer(body, len(body) or 1)
        ask = Layout("rim_port_ask").pack(to=to, tag=tag, body=ctypes.addressof(kept), size=len(body),
                                          timeout_ns=int(seconds * 1e9), cookie=cookie)
        token = c_uint64()
        check(_lib.rim_port_request(self._handle, ask, byref(token)))
        return token.value

    def reply(self, item, tag, body=b""):
        check(_lib.rim_port_reply(self._handle, item.request, tag, body, len(body)))

    def monitor(self, who, cookie=0):
        check(_lib.rim_port_monitor(self._handle, who, cookie, None))

    def stop(self, who):
        check(_lib.rim_port_stop(self._handle, who))

    def receive(self, seconds=0.0):
        """A list of items; empty if the time is up. Waits without holding the interpreter's lock."""
        count = check(_lib.rim_port_receive(self._handle, self._block, self.BATCH, int(seconds * 1e9)))
        block = self._block.raw if count > 0 else b""
        return [Item(self._layout, block, i * self._layout.size) for i in range(count)]

    def close(self):
        _lib.rim_port_close(self._handle)
        self._handle = None


def wait_until(system, condition, seconds=20.0):
    """Steps the embedded shards until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        system.step(0.05)


def library(build):
    """The shared library in a folder of a build."""
    return os.path.join(build, "libringmail.so")
