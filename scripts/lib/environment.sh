# The virtual environment of a checkout. Needs machine.sh, $venv, $set_name, key_of.

. scripts/lib/packages.sh
name_python=", or name it: \`make PYTHON=/path/to/python3\`"

set_up_environment() {
    [ -r "requirements/$set_name.txt" ] || { printf 'error: there is no requirements/%s.txt\n' "$set_name" >&2 && exit 2; }
    grow_rather_than_shrink
    # Without a stamp it was interrupted, or is not of our making. Half an environment is not worth mending.
    if ! usable; then
        python=$(find_python) || python=
        make_environment "$python"
    fi
    rm -rf "$venv/set-up"
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

find_python() {
    for name in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11 python3.10; do
        path=$(command -v "$name") || continue
        # A pyenv shim is there but may not run; and where it leads decides, not its name.
        "$path" -c 'import sys; assert sys.version_info >= (3, 10); print(sys.executable)' 2>/dev/null && return 0
        [ -z "${PYTHON:-}" ] || return 1
    done
    return 1
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
