# What the other parts of the set-up share: speaking, failing, and installing Debian packages.

say() { printf 'set-up: %s\n' "$*" >&2; }

# lacks WHAT REMEDY: this machine lacks something that we cannot, or may not, install.
lacks() {
    printf 'error: %s\n  What to do: %s\n' "$1" "$2" >&2
    exit 5
}

# We install system packages as root only, or where $sudo says how to become that; we never ask for a password.
sudo=
may_install() { { [ "$(id -u)" = 0 ] || [ -n "$sudo" ]; } && command -v apt-get >/dev/null; }

apt_lists_are_fresh=no

# apt_install PACKAGE...: fails where apt does; what apt says is shown only then.
apt_install() {
    say "installing with apt-get: $*"
    apt_log=$(mktemp)
    apt_status=0
    {
        [ $apt_lists_are_fresh = yes ] || $sudo apt-get -q update
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends \
            -o DPkg::Lock::Timeout=300 "$@"
    } </dev/null >"$apt_log" 2>&1 || { apt_status=1 && tail -n 15 "$apt_log" >&2; }
    rm -f "$apt_log"
    apt_lists_are_fresh=yes
    return $apt_status
}

# True where apt has the package itself: Ubuntu's `chromium-browser` is a stub that installs a snap.
apt_has() {
    apt_version=$(LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p')
    case $apt_version in '' | '(none)' | *snap*) return 1 ;; esac
}
