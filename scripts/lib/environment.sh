# The virtual environment: uv where it is there or can be fetched, else pip. Needs machine.sh, $venv, $set_name, holds.

unset UV_SYSTEM_PYTHON PIP_USER PIP_TARGET PIP_PREFIX # each of them would install somewhere else

set_up_environment() {
    [ -r "requirements/$set_name.txt" ] || { printf 'error: there is no requirements/%s.txt\n' "$set_name" >&2 && exit 2; }
    grow_rather_than_shrink
    # Without a stamp it was interrupted, or is not of our making. Half an environment is not worth mending.
    if ! usable; then make_environment; fi
    rm -rf "$venv/set-up"
    say "installing requirements/$set_name.txt into $venv"
    find_uv || fetch_uv || say "no uv to be had: installing with pip, which takes longer"
    install_packages
    [ $venv != .venv ] || install_ourselves
    stamp
}

# `make demo` after `make test` keeps the test tools.
grow_rather_than_shrink() {
    for larger in test examples; do
        [ "$set_name" != "$larger" ] || return 0
        [ $venv = .venv ] && [ -e "$venv/set-up/$larger" ] || continue
        set_name=$larger
        return 0
    done
}

usable() {
    for stamped in "$venv"/set-up/*; do
        [ "$(sed -n 1,2p "$stamped" 2>/dev/null)" = "$(key_of "$set_name" | sed -n 1,2p)" ] && return 0
    done
    return 1
}

make_environment() {
    rm -rf "$venv"
    python=$(find_python) || python=
    say "making $venv with ${python:-a Python that uv provides}"
    if find_uv; then
        "$uv" venv -q --no-project --python "${python:->=3.10}" "$venv"
    elif [ -z "$python" ]; then
        lacks "gpu-doc needs Python 3.10 or newer; there is none on PATH." \
            "install one (\`apt-get install python3\`), or name it: \`make PYTHON=/path/to/python3\`."
    elif ! make_environment_without_uv; then
        lacks "$python cannot make virtual environments: it lacks the module ensurepip." \
            "\`sudo apt-get install python3-venv\`, or install uv, then call make again."
    fi
}

make_environment_without_uv() {
    "$python" -m venv --clear "$venv" >/dev/null 2>&1 && return 0
    if fetch_uv_by "$python"; then
        "$uv" venv -q --no-project --allow-existing --python "$python" "$venv" && return 0
    fi
    may_install && apt_install python3-venv && "$python" -m venv --clear "$venv"
}

find_python() {
    for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11 python3.10; do
        path=$(command -v "$name") || continue
        # A pyenv shim is there but may not run; and where it leads decides, not its name.
        "$path" -c 'import sys; assert sys.version_info >= (3, 10); print(sys.executable)' 2>/dev/null && return 0
        [ -z "${PYTHON:-}" ] || return 1
    done
    return 1
}

find_uv() {
    for uv in uv "$venv/uv/bin/uv"; do
        uv=$(command -v "$uv") && "$uv" --version >/dev/null 2>&1 && return 0
    done
    uv=
    return 1
}

fetch_uv() { fetch_uv_by "$venv/bin/python"; }

# Into a folder of its own: installing exactly what is locked would remove it again.
fetch_uv_by() {
    "$1" -m pip --version >/dev/null 2>&1 || return 1
    say "fetching uv"
    "$1" -m pip install -q --disable-pip-version-check --no-warn-script-location --require-hashes \
        --target "$venv/uv" -r requirements/uv.txt >&2 && find_uv
}

# Compiled on installation: with PYTHONDONTWRITEBYTECODE set, each start would compile everything anew.
install_packages() {
    if [ -n "$uv" ]; then
        "$uv" pip sync -q --python "$venv/bin/python" --require-hashes --compile-bytecode "requirements/$set_name.txt"
    else
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "requirements/$set_name.txt"
    fi
}

# The build backend is locked too, so this fetches nothing.
install_ourselves() {
    if [ -n "$uv" ]; then
        "$uv" pip install -q --python "$venv/bin/python" --no-deps --no-build-isolation --editable .
    else
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .
    fi
    "$venv/bin/python" -m compileall -qq entrypoint || true # a module with an error says so itself
}

# The larger sets hold the smaller ones, in the same versions.
stamp() {
    mkdir -p "$venv/set-up"
    case $set_name in
    test) stamped="run examples test" ;;
    examples) stamped="run examples" ;;
    *) stamped=$set_name ;;
    esac
    for name in $stamped; do key_of "$name" >"$venv/set-up/$name"; done
}
