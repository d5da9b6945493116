# Making virtual environments and installing locks into them: with uv where it is there or can be fetched, else with pip.
# Needs machine.sh, $venv, $set_name; runs in our own folder.

unset UV_SYSTEM_PYTHON PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV # each would install elsewhere, or not at all

# make_environment PYTHON: empty is a Python that uv provides.
make_environment() {
    rm -rf "$venv"
    say "making $venv with ${1:-a Python that uv provides}"
    if find_uv; then
        "$uv" venv -q --no-project --python "${1:->=3.10}" "$venv"
    elif [ -z "$1" ]; then
        lacks "gpu-doc needs Python 3.10 or newer; there is none on PATH." \
            "install one (\`apt-get install python3\`)${name_python:-}."
    elif ! make_environment_without_uv "$1"; then
        lacks "$1 cannot make virtual environments: it lacks the module ensurepip." \
            "\`sudo apt-get install python3-venv\`, or install uv, then try again."
    fi
}

make_environment_without_uv() {
    "$1" -m venv --clear "$venv" >/dev/null 2>&1 && return 0
    if fetch_uv_by "$1"; then
        "$uv" venv -q --no-project --allow-existing --python "$1" "$venv" && return 0
    fi
    may_install && apt_install python3-venv && "$1" -m venv --clear "$venv"
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
    say "installing requirements/$set_name.txt into $venv"
    find_uv || fetch_uv || say "no uv to be had: installing with pip, which takes longer"
    if [ -n "$uv" ]; then
        "$uv" pip sync -q --python "$venv/bin/python" --require-hashes --compile-bytecode "requirements/$set_name.txt"
    else
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "requirements/$set_name.txt"
    fi
}
