# The npm packages that tests use, as locked in tests/node, into .venv/node. Needs machine.sh and $venv.
#
# It ends well where there is no npm, or no registry: the tests that need them say so themselves.

set_up_node() {
    if ! command -v npm >/dev/null && may_install; then apt_install nodejs npm || true; fi
    if ! command -v npm >/dev/null; then
        say "without npm, and without the tests that need it: install it (\`sudo apt-get install npm\`)."
        return 0
    fi
    say "installing tests/node/package-lock.json into $venv/node"
    mkdir -p "$venv/node" "$venv/set-up"
    cp tests/node/package.json tests/node/package-lock.json "$venv/node/"
    # No program of a package runs while it is installed.
    if npm_log=$(npm ci --prefix "$venv/node" --ignore-scripts --no-audit --no-fund --loglevel error 2>&1); then
        node_key >"$venv/set-up/node"
    else
        say "without the npm packages that tests need: $(printf '%s\n' "$npm_log" | tail -n 3)"
    fi
}
