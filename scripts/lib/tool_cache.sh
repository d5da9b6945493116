# Sets gpu-doc up in the runner's tool cache, or where the job keeps its temporary files. For scripts/action.

MONTH=30 # days without use after which a version is removed

set_up() {
    if ! { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null; then
        unwritable=$cache
        cache=${RUNNER_TEMP:-$cache}/gpu-doc
        ! find_ready || return 0 # by an earlier step of this job
        printf '::warning title=gpu-doc is set up for each job::%s cannot be written to.\n' "$unwritable"
    fi
    printf '::group::Setting up gpu-doc\n'
    (make_ready) # in a shell of its own, which is left with all that it changes
    printf '::endgroup::\n'
    find_ready
}

make_ready() {
    trap '[ $? = 0 ] || printf "::endgroup::\n::error title=gpu-doc could not be set up::The log says what is missing.\n"' EXIT
    cd "$top"
    . scripts/lib/machine.sh
    . scripts/lib/packages.sh
    # They would bend the Python that installs. Names only: what a value's second line looks like does no harm.
    for name in $(env | sed -n 's/^\(PYTHON[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
    mkdir -p "$cache"
    # Of two jobs at once, the second waits here and then finds the work done.
    exec 9>"$cache/lock"
    flock 9 2>/dev/null || true
    find_ready && return
    [ -e "$venv/ready" ] || make_first_environment
    program=$venv/program-$contents
    make_program
    prune
}

# By the first Python that can; the empty line at the end stands for one that uv provides.
make_first_environment() {
    while read -r python; do
        locate "$python" || continue
        # lacks() ends the shell in brackets: then the next one is tried, and its words stand in the log.
        if (make_environment "$python" >&2 </dev/null); then
            (install_packages </dev/null) || lacks "what gpu-doc needs could not be installed." \
                "see above; a runner without internet needs a mirror that pip or uv is configured for."
            : >"$venv/ready"
            return
        fi
    done <<END
$(pythons)

END
    exit 5
}

# Compiled for good: nobody edits it, and to compare each file with its source would take longer than to read it.
make_program() {
    say "keeping the program in $program"
    rm -rf "$program"
    mkdir -p "$program/gpu_doc/docs"
    cp -R entrypoint/gpu_doc fonts templates "$program"
    mv "$program/fonts" "$program/templates" "$program/gpu_doc"
    cp docs/*.md "$program/gpu_doc/docs"
    find "$program" -name __pycache__ -prune -exec rm -rf {} +
    "$venv/bin/python" -I -m compileall -qq --invalidation-mode unchecked-hash "$program"
    : >"$program/ready"
}

prune() {
    find "$cache" -mindepth 1 -maxdepth 1 -type d -mtime +$MONTH -exec rm -rf {} +
    find "$venv" -mindepth 1 -maxdepth 1 -type d -name 'program-*' -mtime +$MONTH -exec rm -rf {} +
}

set_up
