# A Chromium that starts. Needs machine.sh, and $venv with gpu-doc in it.

REMEDY="install one (\`sudo apt-get install chromium\`, on Ubuntu Google Chrome's own package: its \`chromium\` is a snap that \
cannot be driven from outside), or name it: \`GPU_DOC_CHROMIUM=/path/to/chromium\`."

set_up_chromium() {
    mkdir -p "$venv/set-up"
    rm -f "$venv/set-up/chromium"
    find_chromium || { install_chromium && find_chromium; } ||
        lacks "there is no Chromium on this machine, and none could be installed." "$REMEDY"
    complaint=$("$chromium" --version 2>&1 >/dev/null) ||
        lacks "$chromium does not start: $complaint" "install what it says is missing, or another: $REMEDY"
    [ -n "${GPU_DOC_CHROMIUM:-}" ] || printf '%s\n' "$chromium" >"$venv/set-up/chromium"
    say "Chromium: $chromium"
}

# The program's own search, so that what is found here is what it will use.
find_chromium() {
    search_status=0
    chromium=$("$venv/bin/python" scripts/find_chromium.py) || search_status=$?
    case $search_status in
    0) return 0 ;;
    5) return 1 ;;
    *) exit $search_status ;;
    esac
}

# A path that was named is never replaced.
install_chromium() {
    [ -z "${GPU_DOC_CHROMIUM:-}" ] || lacks "GPU_DOC_CHROMIUM names $GPU_DOC_CHROMIUM, which cannot be run." "$REMEDY"
    if may_install && apt_has chromium && apt_install chromium; then return 0; fi
    say "downloading pyppeteer's Chromium"
    download=$("$venv/bin/pyppeteer-install" 2>&1) || { printf '%s\n' "$download" | tail -n 1 >&2 && return 1; }
}
