"""What a run's processes look at is recorded, by whatever means; and they end as if nobody watched."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest
from tests.integration.watched import Project

from gpu_doc.execution.agent import watching
from gpu_doc.execution.runs import observing

PYTHON = sys.executable
LIBRARY = watching.library()
TOP = Path(__file__).parents[2]
_TOO_LONG = b"r/" + b"x" * 9000


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose run may look at a script, a module, data and a shell script."""
    made = Project(tmp_path)
    made.write("data.txt", "hello\n")
    made.write("helper.py", "VALUE = 1\n")
    made.write("script.py", "import helper\nprint(open('data.txt').read())\n")
    made.write("go.sh", "cat data.txt\n")
    made.write("call.sh", f"'{PYTHON}' script.py\n")
    made.write("sub/a.csv", "1\n")
    made.write("sub/Makefile", "all:\n\tcat a.csv\n")
    return made


READS = {
    "a program": ["cat", "data.txt"],
    "a shell": ["bash", "-c", "cat data.txt"],
    "a shell's own redirection": ["sh", "-c", "read line <data.txt; echo $line"],
    "a script": ["sh", "go.sh"],
    "a pipe": ["sh", "-c", "cat data.txt | tr a-z A-Z | sort"],
    "a background process": ["sh", "-c", "(sleep 0.1; cat data.txt) & wait"],
    "an emptied environment": ["env", "-i", "/bin/cat", "data.txt"],
    "an emptied environment in a shell": ["sh", "-c", "unset LD_PRELOAD; exec env -i /bin/sh -c '/bin/cat data.txt'"],
    "a full path": ["sh", "-c", 'cat "$PWD/data.txt"'],
    "a path with dots": ["cat", "sub/../data.txt"],
    "another folder": ["sh", "-c", "cd sub && cat ../data.txt"],
    "a copy": ["cp", "data.txt", "/dev/null"],
    "a hard link": ["ln", "data.txt", "linked.txt"],
    "find -exec": ["find", ".", "-name", "data.txt", "-exec", "cat", "{}", ";"],
    "xargs": ["sh", "-c", "echo data.txt | xargs cat"],
    "perl": ["perl", "-e", "open(F, 'data.txt'); print <F>"],
    "perl's system": ["perl", "-e", "system('cat data.txt')"],
    "awk's pipe": ["awk", 'BEGIN { "cat data.txt" | getline x; print x }'],
}


@pytest.mark.parametrize("how", READS)
def test_a_program_reads_a_file(project: Project, how: str) -> None:
    observed = project.run(*READS[how])
    assert project.status == 0, project.said
    assert "data.txt" in observed.read
    assert not observed.unobserved


CODE = {
    "open": "open('data.txt').read()",
    "os.open": "import os; os.open('data.txt', os.O_RDONLY)",
    "a descriptor of a folder": "import os; os.open('data.txt', os.O_RDONLY, dir_fd=os.open('.', os.O_RDONLY))",
    "pathlib": "from pathlib import Path; Path('data.txt').read_text()",
    "exec": "exec(open('data.txt').read().replace('hello', 'x = 1'))",
    "subprocess": "import subprocess; subprocess.run(['cat', 'data.txt'], check=True)",
    "subprocess without environment": "import subprocess; subprocess.run(['/bin/cat', 'data.txt'], env={}, check=True)",
    "subprocess and a shell": "import subprocess; subprocess.run('cat data.txt', shell=True, check=True)",
    "posix_spawn": "import os; os.waitpid(os.posix_spawn('/bin/cat', ['cat', 'data.txt'], {}), 0)",
    "posix_spawnp": "import os; os.waitpid(os.posix_spawnp('cat', ['cat', 'data.txt'], {}), 0)",
    "os.system": "import os; assert os.system('cat data.txt') == 0",
    "os.popen": "import os; assert os.popen('cat data.txt').read() == 'hello\\n'",
    "os.execvp": "import os; os.execvp('cat', ['cat', 'data.txt'])",
    "os.execve": "import os; os.execve('/bin/cat', ['cat', 'data.txt'], {})",
    "os.execve of a descriptor": "import os; os.execve(os.open('/bin/cat', os.O_RDONLY), ['cat', 'data.txt'], {})",
    "libc's execl": "import ctypes; ctypes.CDLL(None).execl(b'/bin/cat', b'cat', b'data.txt', None)",
    "libc's execlp": "import ctypes; ctypes.CDLL(None).execlp(b'cat', b'cat', b'data.txt', None)",
    "libc's system": "import ctypes; assert ctypes.CDLL(None).system(b'cat data.txt') == 0",
    "libc's popen": "import ctypes; ctypes.CDLL(None).popen(b'cat data.txt', b'r'); import os; os.wait()",
    "libc's fopen": "import ctypes; ctypes.CDLL(None).fopen(b'data.txt', b'r')",
    "libc's syscall": "import ctypes, platform as p; n = 257 if p.machine() == 'x86_64' else 56; "
    "assert ctypes.CDLL(None).syscall(n, -100, b'data.txt', 0) > 0",
    "fork": "import os; pid = os.fork(); pid or open('data.txt').read(); pid and os.wait()",
    "multiprocessing": "import multiprocessing as m; p = m.get_context('spawn').Process(target=print, args=(1,)); "
    "p.start(); p.join(); open('data.txt')",
    "a daemon": "import os, time\nif os.fork():\n time.sleep(0.5)\nelif not os.setsid() and not os.fork():\n"
    " os.closerange(0, 256); os.execve('/bin/sh', ['sh', '-c', 'read x <data.txt'], {})",
    "all descriptors closed": "import os; os.closerange(0, 4096); open('data.txt').read()",
    "threads": "import threading as t; x = [t.Thread(target=open, args=('data.txt',)) for _ in range(20)]; "
    "[each.start() for each in x]; [each.join() for each in x]",
    "a kill": "import os; open('data.txt').read(); os.kill(os.getpid(), 9)",
    "mmap": "import mmap; f = open('data.txt', 'rb'); mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)",
    "isolated Python": "import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-E', '-c', "
    "'open(\"data.txt\").read()'], check=True)",
    "sqlite": "import sqlite3; sqlite3.connect('file:data.txt?mode=ro', uri=True).execute('pragma page_size')",
}


@pytest.mark.parametrize("how", CODE)
def test_python_reads_a_file(project: Project, how: str) -> None:
    observed = project.python(CODE[how])
    assert project.status == (-signal.SIGKILL if how == "a kill" else 0), project.said
    assert "data.txt" in observed.read
    assert not observed.unobserved


IMPORTS = {
    "import": "import helper",
    "a computed name": "import importlib; importlib.import_module('hel' + 'per')",
    "__import__": "__import__('helper')",
    "a path that is added": "import sys; sys.path[:] = [p for p in sys.path if p]; import os; "
    "sys.path.append(os.path.abspath('.')); import helper",
    "a file's specification": "import importlib.util as u; s = u.spec_from_file_location('x', 'helper.py'); "
    "s.loader.exec_module(u.module_from_spec(s))",
    "runpy.run_path": "import runpy; runpy.run_path('helper.py')",
    "runpy.run_module": "import runpy; runpy.run_module('helper')",
    "os.chdir": "import os; os.chdir('sub'); import sys; sys.path.insert(0, '..'); import helper",
    "a thread": "import threading as t; x = t.Thread(target=__import__, args=('helper',)); x.start(); x.join()",
    "a script": "import os, sys; os.execv(sys.executable, ['python', 'helper.py'])",
    "-m": "import os, sys; os.execv(sys.executable, ['python', '-m', 'helper'])",
    "a subinterpreter's sibling": "import subprocess, sys; subprocess.run([sys.executable, 'script.py'], check=True)",
}


@pytest.mark.parametrize("how", IMPORTS)
@pytest.mark.parametrize("before", ["from source", "compiled before"])
def test_python_imports_a_source(project: Project, how: str, before: str) -> None:
    if before == "compiled before":
        subprocess.run([PYTHON, "-c", "import helper"], cwd=project.root, check=True)
    observed = project.python(IMPORTS[how])
    assert project.status == 0, project.said
    assert "helper.py" in observed.imported
    assert "helper.py" not in observed.read
    assert not {"helper.py"} & observed.missing
    assert not {".", "sub"} & observed.listed
    assert not any("__pycache__" in path for path in observed.written | observed.missing | observed.present)


def test_source_that_is_read_as_text_counts_as_read(project: Project) -> None:
    observed = project.python("import helper; exec(open('helper.py').read())")
    assert "helper.py" in observed.read & observed.imported


def test_a_name_that_is_sought_is_missing(project: Project) -> None:
    project.write("later/elsewhere.py", "")
    observed = project.python(
        "import sys; sys.path.insert(1, 'later'); import helper, elsewhere, json\n"
        "try: import fast\nexcept ImportError: pass"
    )
    assert {"helper/__init__.py", "helper.so", "fast.py", "fast.so", "later/fast.py", "json.py"} <= observed.missing
    assert {"elsewhere.py", "elsewhere/__init__.py"} <= observed.missing
    assert not {"later/helper.py", "later/elsewhere.py", "json.so"} & observed.missing
    assert any(path.startswith("helper.cpython-") for path in observed.missing)


def test_a_package_beside_a_module(project: Project) -> None:
    project.write("package/__init__.py", "from . import inner\n")
    project.write("package/inner.py", "")
    observed = project.python("import package")
    assert {"package/__init__.py", "package/inner.py"} <= observed.imported
    assert "package/inner/__init__.py" in observed.missing
    assert "package.py" not in observed.missing


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.path.exists('config.json')",
        "import os; os.access('config.json', os.R_OK)",
        "import os; [0 for _ in [0] if os.path.islink('config.json')]",
        "import pathlib; pathlib.Path('config.json').is_file()",
        "import subprocess; subprocess.run(['cat', 'config.json'])",
        "import subprocess; subprocess.run(['sh', '-c', 'test -e config.json'])",
        "import subprocess; subprocess.run(['sh', '-c', '[ -f config.json ]'])",
        "import os; os.path.realpath('config.json')",
        "import ctypes; ctypes.CDLL(None).realpath(b'config.json', None)",
        "try: open('config.json')\nexcept FileNotFoundError: pass",
    ],
)
def test_what_is_sought_in_vain(project: Project, code: str) -> None:
    assert "config.json" in project.python(code).missing


def test_what_is_only_asked_about(project: Project) -> None:
    observed = project.python("import os; os.path.exists('data.txt'); os.path.isdir('sub')")
    assert {"data.txt", "sub"} <= observed.present
    assert not {"data.txt", "sub"} & observed.read


@pytest.mark.parametrize(
    "command",
    [
        ["ls", "sub"],
        ["bash", "-c", "echo sub/*"],
        ["sh", "-c", "echo sub/*"],
        ["find", "sub"],
        [PYTHON, "-c", "import os; os.listdir('sub')"],
        [PYTHON, "-c", "import os; list(os.scandir('sub'))"],
        [PYTHON, "-c", "import os; os.listdir(os.open('sub', os.O_RDONLY))"],
        [PYTHON, "-c", "import glob; glob.glob('sub/*.csv')"],
        [PYTHON, "-c", "import os; list(os.walk('sub'))"],
        ["perl", "-e", "opendir(D, 'sub'); readdir(D)"],
    ],
    ids=lambda command: " ".join(command).replace(PYTHON, "python"),
)
def test_a_folder_is_listed(project: Project, command: list[str]) -> None:
    observed = project.run(*command)
    assert project.status == 0, project.said
    assert "sub" in observed.listed
    assert "sub" not in observed.read


def test_who_looks_for_installed_packages_lists_nothing(project: Project) -> None:
    """It lists each folder of sys.path: any new file beside a notebook would make it stale."""
    program = "import importlib.metadata as m, sys; sys.path.insert(0, 'sub'); list(m.entry_points())"
    assert not project.run(PYTHON, "-c", program).listed & {".", "sub"}


def test_what_is_written(project: Project) -> None:
    observed = project.run(
        "sh", "-c", "echo 1 >new; echo 2 >>old; mkdir dir; mv new newer; rm old; ln -s data.txt link; touch -c data.txt"
    )
    assert {"new", "old", "dir", "newer", "link"} <= observed.written
    assert "data.txt" not in observed.written
    changed = project.python("f = open('data.txt', 'r+'); f.read(); f.write('x'); open('fresh', 'w+').write('y')")
    assert "data.txt" in changed.read & changed.written
    assert "fresh" in changed.written - changed.read


def test_other_kinds_of_file(project: Project) -> None:
    with zipfile.ZipFile(project.root / "packed.zip", "w") as archive:
        archive.writestr("inside.py", "")
    (project.root / "model.pickle").write_bytes(pickle.dumps([1]))
    (project.root / "config.json").write_text("{}")
    observed = project.python(
        "import sys; sys.path.insert(0, 'packed.zip'); import inside, pickle, json\n"
        "pickle.load(open('model.pickle', 'rb')); json.load(open('config.json'))"
    )
    assert project.status == 0, project.said
    assert {"packed.zip", "model.pickle", "config.json"} <= observed.read


def test_make_in_another_folder(project: Project) -> None:
    observed = project.run("make", "-C", "sub")
    assert project.status == 0, project.said
    assert {"sub/Makefile", "sub/a.csv"} <= observed.read


def test_a_script_with_an_interpreter(project: Project) -> None:
    for name, text in (("tool", f"#!{PYTHON}\nimport helper\n"), ("other.py", f"#!{PYTHON}\nimport helper\n")):
        project.write(name, text).chmod(0o755)
    observed = project.run("sh", "-c", "./tool && ./other.py && sh call.sh")
    assert project.status == 0, project.said
    assert {"tool", "call.sh", "data.txt"} <= observed.read
    assert {"other.py", "script.py", "helper.py"} <= observed.imported


def compiled(project: Project, name: str, source: str, *options: str) -> Path:
    """A program or library of C; the test is skipped without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler")
    path = project.root / name
    subprocess.run([compiler, "-x", "c", "-", "-o", path, *options], input=source.encode(), check=True)
    return path


def test_native_libraries(project: Project) -> None:
    compiled(project, "libinner.so", "int inner(void) { return 1; }", "-shared", "-fPIC")
    here = ["-L", str(project.root), "-linner", "-Wl,-rpath,$ORIGIN"]
    outer = "int inner(void); int outer(void) { return inner(); }"
    compiled(project, "libouter.so", outer, "-shared", "-fPIC", *here)
    assert {"libinner.so", "libouter.so"} <= project.python("import ctypes; ctypes.CDLL('./libouter.so')").read
    compiled(project, "program", "int inner(void); int main(void) { return inner() - 1; }", *here)
    assert {"program", "libinner.so"} <= project.run("sh", "-c", "./program").read


def test_a_library_is_searched_for_as_its_caller_says(project: Project) -> None:
    (project.root / "plugins").mkdir()
    compiled(project, "plugins/libplugin.so", "int plugin(void) { return 7; }", "-shared", "-fPIC")
    source = (
        '#include <dlfcn.h>\nint main(void) { void *l = dlopen("libplugin.so", RTLD_NOW); '
        'return l ? ((int (*)(void))dlsym(l, "plugin"))() : 1; }'
    )
    compiled(project, "host", source, "-Wl,-rpath,$ORIGIN/plugins", "-ldl")
    observed = project.run("./host")
    assert project.status == 7
    assert "plugins/libplugin.so" in observed.read


def test_a_static_program_is_named(project: Project) -> None:
    compiled(project, "alone", '#include <fcntl.h>\nint main(void) { return open("data.txt", 0) < 0; }', "-static")
    observed = project.run("sh", "-c", "./alone")
    assert project.status == 0, project.said
    assert observed.unobserved == "it started `alone`, which is linked statically"
    assert "alone" in observed.read
    assert project.run("./alone").unobserved == "its program does not load the library that watches"


def test_a_program_with_a_sanitizer_that_comes_first_is_left_alone(project: Project) -> None:
    source = '#include <fcntl.h>\nint main(void) { return open("data.txt", 0) < 0; }'
    compiled(project, "checked", source, "-fsanitize=address")
    observed = project.run("sh", "-c", "./checked && cat sub/a.csv")
    assert project.status == 0, project.said
    assert (
        observed.unobserved
        == "it started `checked`, which was built with AddressSanitizer, which has to be loaded first"
    )
    assert observed.read >= {"checked", "sub/a.csv"}
    assert project.run("./checked").unobserved == "its program does not load the library that watches"
    assert project.status == 0, project.said
    project.run("ldd", "checked")
    assert "watcher" not in project.said


def test_a_program_with_rights_of_its_own_is_named(project: Project) -> None:
    if os.getuid():
        pytest.skip("only root can make such a program of another user")
    shutil.copy("/bin/cat", project.root / "privileged")
    os.chown(project.root / "privileged", 1, 1)
    (project.root / "privileged").chmod(0o4755)
    observed = project.run("sh", "-c", "./privileged data.txt")
    assert project.said == "hello\n"
    assert observed.unobserved == "it started `privileged`, which gets rights of its own (set-user-ID)"


def test_a_program_that_does_not_see_the_library_is_named(project: Project) -> None:
    if os.getuid():
        pytest.skip("only root can change the root folder")
    (project.root / "cage").mkdir()
    shutil.copy(compiled(project, "inner", "int main(void) { return 3; }"), project.root / "cage")
    for library in subprocess.check_output(["ldd", project.root / "inner"], text=True).split():
        if library.startswith("/"):
            target = project.root / "cage" / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    observed = project.python("import os; os.chroot('cage'); os.chdir('/'); os.execv('/inner', ['inner'])")
    assert (project.status, project.said) == (3, "")
    assert "which does not see the library that watches" in observed.unobserved


def test_a_program_that_limits_itself_ends_as_without_us(project: Project) -> None:
    code = """
        import ctypes, os, sys
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        # https://docs.kernel.org/userspace-api/seccomp_filter.html: openat, getcwd and readlinkat kill, all else may.
        numbers = (257, 79, 267, 269) if os.uname().machine == "x86_64" else (56, 17, 78, 48)
        flat = [(0x20, 0, 0, 0)]
        for n in numbers:
            flat += [(0x15, 0, 1, n), (0x06, 0, 0, 0x80000000)]
        flat += [(0x06, 0, 0, 0x7fff0000)]
        class Step(ctypes.Structure):
            _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]
        class Filter(ctypes.Structure):
            _fields_ = [("n", ctypes.c_ushort), ("steps", ctypes.POINTER(Step))]
        steps = (Step * len(flat))(*flat)
        assert libc.prctl(22, 2, ctypes.byref(Filter(len(flat), steps)), 0, 0) == 0
        os.path.exists("data.txt")
        print("still here", flush=True)
        os._exit(5)
    """
    observed = project.python(textwrap.dedent(code))
    assert (project.status, project.said) == (5, "still here\n")
    assert "which limits its own system calls" in observed.unobserved


def test_the_environment_shows_nothing_of_us(project: Project) -> None:
    code = "import os, subprocess as s; print(sorted(os.environ)); print(s.check_output(['env']).decode())"
    plain = subprocess.run(
        [PYTHON, "-c", code], cwd=project.root, env=project.environment, stdout=subprocess.PIPE, check=True
    )
    project.python(code)
    assert project.said == plain.stdout.decode()


def test_a_library_that_the_user_preloads_stays(project: Project) -> None:
    library = compiled(project, "own.so", "int getpid(void) { return 12345; }", "-shared", "-fPIC")
    code = "import os, subprocess as s; print(os.environ['LD_PRELOAD'], os.getpid()); s.run(['cat', 'data.txt'])"
    observed = project.run(PYTHON, "-c", code, LD_PRELOAD=str(library))
    assert project.said == f"{library} 12345\nhello\n"
    assert {"own.so", "data.txt"} <= observed.read


def test_what_a_shell_returns_is_what_it_returned(project: Project) -> None:
    code = """
        import ctypes, os, signal
        libc = ctypes.CDLL(None)
        print(os.system("exit 7"), os.system("kill -9 $$"), libc.system(None), os.system("/nowhere 2>/dev/null"))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(os.system("trap"), os.popen("exit 3").close(), signal.getsignal(signal.SIGINT) == signal.SIG_IGN)
    """
    plain = subprocess.run([PYTHON, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, check=True)
    project.python(textwrap.dedent(code))
    assert project.said == plain.stdout.decode()


def test_errors_are_what_they_were(project: Project) -> None:
    code = """
        import errno, os
        for call, *words in (
            (open, "nowhere"), (open, "sub"), (open, ""), (os.stat, "data.txt/x"), (os.listdir, "data.txt"),
            (os.mkdir, "sub"), (os.execv, "nowhere", ["x"]), (os.rename, "a", "b"), (os.readlink, "data.txt"),
        ):
            try: call(*words)
            except OSError as error: print(type(error).__name__, error.errno)
    """
    plain = subprocess.run([PYTHON, "-c", textwrap.dedent(code)], cwd=project.root, stdout=subprocess.PIPE, check=True)
    project.python(textwrap.dedent(code))
    assert project.said == plain.stdout.decode()


def test_many_processes_and_many_files(project: Project) -> None:
    for number in range(300):
        project.write(f"many/{number}.txt", "")
    observed = project.run("sh", "-c", "for n in $(seq 0 299); do cat many/$n.txt & done; wait")
    assert {f"many/{number}.txt" for number in range(300)} <= observed.read


def test_more_than_the_mapped_part(project: Project) -> None:
    observed = project.python("import os\nfor n in range(30000): os.path.exists(f'{n:090}')")
    assert {f"{n:090}" for n in range(30000)} <= observed.missing
    assert not observed.unobserved


def test_a_path_that_is_too_long_is_told(project: Project) -> None:
    code = "import os\nfor _ in range(30):\n os.mkdir('d' * 200); os.chdir('d' * 200)\nopen('x', 'w')"
    observed = project.python(code)
    assert project.status == 0, project.said
    assert "more than 4,096 bytes" in observed.unobserved


def test_a_log_that_is_removed_is_told(project: Project) -> None:
    observed = project.run("sh", "-c", f"rm '{project.folder}/job/watched'; cat data.txt")
    assert project.said == "hello\n"
    assert "the record of what it looked at is gone" in observed.unobserved


def test_a_log_of_nonsense_is_read(project: Project) -> None:
    code = f"open('{project.folder}/job/watched', 'r+b').write(b'gpu-doc1' + bytes([255] * 4096))"
    assert project.python(code).unobserved
    junk = b"\0".join([b"r/\xff\xfe", b"r", b"rrelative", b"q/x", b"u", b"us\n", b"vx", b"n/", b"!a", _TOO_LONG])
    observed = observing.observed(project.job(["x"]), watching.records(junk))
    assert "UTF-8" in observed.unobserved
    json.dumps(sorted(observed.read)).encode()


def test_runs_beside_each_other_are_told_apart(project: Project) -> None:
    other = Project(project.folder / "other")
    other.write("theirs.txt", "")
    code = f"import subprocess; subprocess.run(['sh', '-c', 'cat {other.root}/theirs.txt'])"
    observed = project.python(code)
    assert "data.txt" in other.run("cat", str(project.root / "data.txt"), "theirs.txt").read | {"data.txt"}
    assert "theirs.txt" not in observed.read


def test_what_is_installed_is_left_out(project: Project) -> None:
    observed = project.python("import json, sqlite3, pytest, subprocess; subprocess.run(['ls', '/usr/lib'])")
    everything = observed.read | observed.imported | observed.listed | observed.written
    assert not everything - {"."}, everything


def test_a_machine_without_a_library(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*name[:4], "riscv64")))
    with observing.Watch(project.job(["true"]), project.folder) as watch:
        assert not watch.variables
    assert watch.observed.unobserved == "runs are not watched on this kind of machine (riscv64)"


def test_a_path_with_a_blank(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project.folder / "a b"
    folder.mkdir()
    monkeypatch.setattr(watching, "library", lambda: Path(shutil.copy(LIBRARY, folder)))
    assert "data.txt" in project.run("cat", "data.txt").read


def test_a_library_that_can_not_be_loaded(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = project.write("broken.so", "no library")
    monkeypatch.setattr(watching, "library", lambda: broken)
    with observing.Watch(project.job(["true"]), project.folder) as watch:
        assert not watch.variables
    assert "can't be loaded here" in watch.observed.unobserved


@pytest.mark.full
@pytest.mark.needs("packages")
@pytest.mark.timeout(600)
def test_the_library_is_what_its_source_says(tmp_path: Path) -> None:
    subprocess.run(["scripts/watcher", tmp_path], cwd=TOP, check=True)
    for machine in watching.MACHINES:
        name = f"watcher-{machine}.so"
        assert (tmp_path / name).read_bytes() == LIBRARY.with_name(name).read_bytes(), "run scripts/watcher"
