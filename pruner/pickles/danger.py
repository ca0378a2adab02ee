"""What loading a pickle would run: the classes and functions that it names, and what is known of them.

Plain is what torch's own `weights_only` loading allows (`torch/_weights_only_unpickler.py`) and what numpy and Python
write for arrays, numbers, dates and containers; only whole names are plain, never what is reached through one.
Dangerous is what the public lists of picklescan, fickling and modelscan and the bypasses published against them name
(`GHSA-vvpj-8cmc-gx39` and its kin), with all of Python's modules that start programs, evaluate text, load code, or
reach files or the network. No such list is ever complete: what is on none of them is `code`, never plain.
"""

from __future__ import annotations

import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["plain", "code", "dangerous"]


@dataclass(frozen=True, slots=True)
class GlobalUse:
    """A class or function that a file names.

    `called` says whether loading by pickle would call it (or only import its module and look it up). `verdict` is
    `plain` for the parts of torch, numpy and Python that only build data, `code` for what would run code of some
    package, `dangerous` for what is known to start programs, run text as code, reach files or the network; `why` says
    so in a sentence.
    """

    name: str
    called: bool
    verdict: Verdict
    why: str


def judge(module: str, name: str, called: bool) -> GlobalUse:
    """What loading `module.name` by pickle would do; `name` can be a path of attributes, as protocol 4 allows."""
    verdict, why = _verdict(*_todays_name(module, name), called)
    return GlobalUse(f"{module}.{name}", called, verdict, why)


def _todays_name(module: str, name: str) -> tuple[str, str]:
    """The names that pickle takes for those of Python 2, which torch's pickles still use."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _verdict(module: str, name: str, called: bool) -> tuple[Verdict, str]:
    path = f"{module}.{name}"
    modules, names = module.split("."), name.split(".")
    if not path.isprintable():
        return "dangerous", "No class or function has such a name: it is there to deceive what reads it."
    if why := _PLAIN.get(path):
        return "plain", why
    if path.startswith("torch._utils._rebuild_") and len(names) == 1:
        return "plain", _TORCH_DATA
    if any(_is_dunder(part) for part in names) or "__builtins__" in modules:
        return "dangerous", "It would reach into Python's inner workings, from which any code can be run."
    if modules[0] == "__torch__":
        return "plain", "It is a class of TorchScript: torch compiles it by itself, and Python never runs it."
    if module == "copyreg.extension":
        return "code", "It is a number for whatever class or function the loading program has given that number."
    if why := _danger(modules, names):
        return "dangerous", why
    return "code", _code(modules, names, called)


def _danger(modules: list[str], names: list[str]) -> str | None:
    """The harm that a name is known for: its own, that of a module around it, or of one that it is reached through."""
    parts = [part.strip() for part in (*modules, *names)]
    for end in range(min(len(parts), _DEEPEST), 0, -1):
        if why := _DANGEROUS.get(".".join(parts[:end])):
            return why
    if parts[0].startswith("_") and parts[0] in sys.stdlib_module_names:
        return "It is an inner part of Python, which no checkpoint needs and which can run any code."
    if parts[-1] in _TELLING:
        return f"A function named “{parts[-1]}” would start programs, run text as code or reach files."
    through = _NEVER_MODULES.intersection(parts[1:]) or _REACHED.intersection(parts[len(modules) : -1])
    if through:
        return f"It would reach Python's “{min(through)}” through another package."
    return None


def _code(modules: list[str], names: list[str], called: bool) -> str:
    top = modules[0]
    if top == "torch":
        if names[-1][:1].isupper():
            return "It is a class of torch: loading builds the object and calls its __setstate__."
        return "It is a function of torch: loading looks it up, or calls it."
    if top == "__main__":
        return "It would run code of the program that loads the file, which has to define this name itself."
    if top.startswith("<torch_package_"):
        return "It would run source code that a torch.package archive brings with it."
    if top == "builtins":
        return "It would call a function of Python itself."
    package = top if len(top) <= _LONGEST else f"{top[:_LONGEST]}…"
    if called:
        return f"It would import the package “{package}” and run its code."
    return f"It would import the package “{package}”, which runs code of it."


def _is_dunder(part: str) -> bool:
    return len(part) > 4 and part.startswith("__") and part.endswith("__")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _table(entries: dict[str, str]) -> dict[str, str]:
    """From `{why: "package.module package; module: name name"}` to `{"module.name": why}`, a `why` for each name."""
    table: dict[str, str] = {}
    for why, text in entries.items():
        for group in text.split(";"):
            module, colon, names = group.rpartition(":")
            prefix = f"{module.strip()}." if colon else ""
            table |= {f"{prefix}{name}": why for name in names.split()}
    return table


# Longer than any path of modules there is; without a bound a name of a million dots would take the square of that.
_DEEPEST = 12
_LONGEST = 60

_TORCH_DATA = "It only builds a tensor, or a part of its description."
_STORAGES = (
    "DoubleStorage FloatStorage HalfStorage BFloat16Storage LongStorage IntStorage ShortStorage CharStorage "
    "ByteStorage BoolStorage ComplexFloatStorage ComplexDoubleStorage QUInt8Storage QInt8Storage QInt32Storage "
    "QUInt4x2Storage QUInt2x4Storage UntypedStorage TypedStorage"
)
_TENSORS = (
    "DoubleTensor FloatTensor HalfTensor BFloat16Tensor LongTensor IntTensor ShortTensor CharTensor ByteTensor "
    "BoolTensor"
)
_DTYPES = (
    "float16 float32 float64 bfloat16 half float double int8 int16 int32 int64 short int long uint8 uint16 uint32 "
    "uint64 bool complex32 complex64 complex128 chalf cfloat cdouble qint8 quint8 qint32 quint4x2 quint2x4 bits8 "
    "bits16 bits1x8 bits2x4 bits4x2 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu "
    "float4_e2m1fn_x2 int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7"
)
_SCALARS = (
    "dtype ndarray bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble "
    "float128 complex64 complex128 clongdouble complex256 datetime64 timedelta64 str_ bytes_ void object_"
)
_NUMPY_DTYPES = (
    "BoolDType Int8DType Int16DType Int32DType Int64DType UInt8DType UInt16DType UInt32DType UInt64DType "
    "Float16DType Float32DType Float64DType LongDoubleDType Complex64DType Complex128DType CLongDoubleDType "
    "DateTime64DType TimeDelta64DType StrDType BytesDType VoidDType ObjectDType StringDType"
)
_PATHS = "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath"

# Whole names. torch._tensor._rebuild_from_type_v2 calls a function, which the pickle then has to name as well.
_PLAIN = _table(
    {
        _TORCH_DATA: f"""
            torch: {_DTYPES} {_STORAGES} {_TENSORS} Tensor Size device per_tensor_affine per_tensor_symmetric
                per_channel_affine per_channel_symmetric per_channel_affine_float_qparams contiguous_format
                channels_last channels_last_3d preserve_format strided sparse_coo sparse_csr;
            torch.cuda: {_STORAGES} {_TENSORS}; torch.sparse: {_TENSORS}; torch.cuda.sparse: {_TENSORS};
            torch.storage: UntypedStorage TypedStorage _UntypedStorage _TypedStorage _LegacyStorage;
            torch.nn.parameter: Parameter Buffer; torch.nn: Parameter Buffer; torch.serialization: _get_layout;
            torch.distributed.checkpoint.metadata: Metadata TensorStorageMetadata BytesStorageMetadata
                ChunkStorageMetadata MetadataIndex TensorProperties StorageMeta _MEM_FORMAT_ENCODING;
            torch.distributed.checkpoint.filesystem: _StorageInfo;
            torch.distributed._shard.sharded_tensor.metadata: TensorProperties MEM_FORMAT_ENCODING;
            torch._tensor: _rebuild_from_type_v2 _rebuild_from_type Tensor; torch.torch_version: TorchVersion;
            torch.jit._pickle: build_intlist build_tensorlist build_doublelist build_boollist build_tensor_from_id
                restore_type_tag""",
        "It only builds an array or a number of NumPy.": f"""
            numpy: {_SCALARS}; numpy.dtypes: {_NUMPY_DTYPES};
            numpy.core.multiarray: _reconstruct scalar; numpy._core.multiarray: _reconstruct scalar;
            numpy.core.numeric: _frombuffer; numpy._core.numeric: _frombuffer""",
        "It only builds plain data of Python.": f"""
            builtins: set frozenset bytearray complex slice range list dict tuple int float bool str bytes object;
            collections: OrderedDict defaultdict Counter deque; _codecs: encode;
            copyreg: _reconstructor __newobj__ __newobj_ex__;
            datetime: date datetime time timedelta timezone tzinfo; decimal: Decimal; fractions: Fraction;
            uuid: UUID SafeUUID; pathlib: {_PATHS}; pathlib._local: {_PATHS};
            enum: Enum IntEnum StrEnum Flag IntFlag; types: SimpleNamespace; argparse: Namespace;
            io: BytesIO StringIO; _io: BytesIO StringIO""",
    }
)

# What is known to do harm; the longest entry that a name begins with counts. Of Python's modules whose names people
# give to packages of their own (code, trace, profile, test), only what is dangerous in Python's stands here.
_DANGEROUS = _table(
    {
        "It would run a shell command or start a program.": """
            subprocess popen2 pty pexpect pipes webbrowser antigravity mailcap platform sysconfig multiprocessing
            asyncio concurrent.futures distutils.spawn sh plumbum fabric invoke paramiko msvcrt test.support
            test.libregrtest torch.multiprocessing torch.utils.collect_env torch.utils.bottleneck
            torch.distributed.launch torch.distributed.launcher torch.distributed.run torch.distributed.elastic
            torch.testing._internal;
            os: system popen startfile execl execle execlp execlpe execv execve execvp execvpe fork forkpty posix_spawn
                posix_spawnp spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe;
            posix: system popen execv execve fork forkpty posix_spawn posix_spawnp;
            nt: system popen startfile execv execve spawnv spawnve; imaplib: IMAP4_stream;
            uuid: _get_command_stdout _popen getnode uuid1""",
        "It would run text as code.": """
            runpy codeop timeit bdb pdb cProfile doctest idlelib pydoc lib2to3 compileall py_compile symtable new
            tkinter turtle IPython numexpr sympy.parsing numpy.f2py numpy.testing numpy.distutils torch.fx.experimental
            torch.fx._symbolic_trace torch.fx._lazy_graph_module torch._dynamo torch._inductor torch.compile
            torch.utils._config_module torch.utils.data.datapipes _interpreters _xxsubinterpreters;
            builtins: eval exec compile execfile input raw_input breakpoint help;
            code: InteractiveInterpreter InteractiveConsole interact compile_command;
            trace: Trace main; profile: run runctx Profile main; typing: get_type_hints ForwardRef _eval_type;
            dataclasses: make_dataclass _create_fn; jinja2: Template; pandas: eval; sympy: sympify;
            numpy.lib.utils: safe_eval; torch.fx: Interpreter Tracer symbolic_trace;
            torch.fx.graph_module: reduce_graph_module reduce_package_graph_module reduce_deploy_graph_module
                _forward_from_src _exec_with_source _method_from_src""",
        "It would load or compile a program of torch's own (TorchScript, torch.package, a graph).": """
            torch.jit torch.package torch.export; torch._C: import_ir_module _import_ir_module_from_package""",
        "It would import any module, or look up any function by its name.": """
            importlib imp pkgutil pkg_resources zipimport ihooks imputil modulefinder site six.moves future.moves;
            builtins: __import__ getattr setattr delattr globals locals vars dir;
            operator: attrgetter methodcaller itemgetter; torch._utils: _import_dotted_name""",
        "It would reach into the running program and change how it works.": """
            sys gc inspect copyreg threading signal atexit sched faulthandler resource;
            builtins: exit quit; weakref: finalize; contextlib: ExitStack""",
        "It would call other functions, with whatever the file gives them.": """
            builtins: map filter reduce apply iter sorted; functools: partial partialmethod reduce singledispatch;
            itertools: starmap accumulate takewhile dropwhile filterfalse groupby; operator: call;
            numpy: vectorize frompyfunc apply_along_axis apply_over_axes fromfunction piecewise;
            torch.Tensor: apply_ map_ map2_ register_hook; torch.utils.checkpoint: checkpoint checkpoint_sequential;
            torch.utils._pytree: tree_map tree_map_ tree_map_only""",
        "It would make functions out of bytes in the file.": """
            marshal cloudpickle dill; types: FunctionType LambdaType CodeType MethodType new_class""",
        "It would load another file or pickle, which can run anything.": """
            pickle shelve jsonpickle joblib yaml numpy.lib.npyio numpy.lib.format pandas.io torch.serialization
            torch.utils.show_pickle torch.distributed.checkpoint.format_utils
            torch.distributed.checkpoint.state_dict_loader torch.distributed.distributed_c10d keras.models keras.saving;
            numpy: load; pandas: read_pickle; torch: load; torch.storage: _load_from_bytes; keras.layers: Lambda;
            tensorflow: io saved_model""",
        "It would run machine code of a library, or reach into memory.": """
            ctypes cffi mmap comtypes win32com win32api pythoncom numpy.ctypeslib torch.utils.cpp_extension
            torch.utils.cpp_backtrace torch.ops torch.classes torch.library; cupy: RawModule RawKernel""",
        "It would act on the operating system: its files, processes and settings.": """
            os posix nt winreg fcntl""",
        "It would read, write or delete files.": """
            shutil tempfile glob fileinput linecache zipfile tarfile gzip bz2 lzma sqlite3 dbm distutils io pathlib
            logging.config logging.handlers torch.utils.tensorboard torch.utils.file_baton;
            builtins: open; codecs: open; logging: FileHandler basicConfig; argparse: FileType;
            numpy: save savez savez_compressed savetxt loadtxt genfromtxt fromfile fromregex memmap DataSource;
            numpy.core.multiarray: fromfile; numpy._core.multiarray: fromfile; torch: save from_file;
            torch.UntypedStorage: from_file; torch._C: PyTorchFileReader PyTorchFileWriter""",
        "It would install software, or change what is installed.": """
            pip ensurepip venv virtualenv setuptools zipapp msilib""",
        "It would reach the network.": """
            socket socketserver ssl select selectors http httplib urllib urllib3 requests httpx aiohttp websocket
            websockets ftplib smtplib smtpd telnetlib xmlrpc poplib imaplib nntplib netrc wsgiref asyncore asynchat
            syslog boto3 torch.hub torch.utils.model_zoo torch.distributed.rpc""",
        "It would switch off or deceive a scanner of pickles.": "fickling picklescan modelscan",
    }
)

# Functions that are dangerous in whatever module they are found, since modules pass on what they import.
_TELLING = _words(
    "system popen Popen check_output check_call getoutput getstatusoutput import_module __import__ eval exec execfile "
    "exec_module run_path run_module load_library LoadLibrary CDLL rmtree unlink write_text write_bytes from_file"
)

# Modules that no package has under its own name: reached through one they are Python's (six.moves.builtins, say).
_NEVER_MODULES = _words(
    "os posix nt subprocess sys builtins __builtin__ ctypes importlib pickle cPickle marshal pty runpy shutil socket"
)

# On the way through a dotted name all modules are: “serialization.os.system” of torch.
_REACHED = frozenset(name for name in _DANGEROUS if "." not in name) | frozenset(sys.stdlib_module_names)
