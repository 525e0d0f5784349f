#!/bin/bash
# Makes a Debian machine ready for loggr; safe to repeat, quick when all is there.
#
#   scripts/setup.sh run     what building and running needs: a C compiler, make, Rust
#   scripts/setup.sh test    that, and the neighbours the tests talk to
#
# rsyslogd, loggen, logrotate, DuckDB and schemathesis are unpacked below the target directory and never installed: an
# installed syslog daemon would start by itself and change the machine. RabbitMQ, PostgreSQL
# and Redis are installed where they are missing, kept from starting, now and at the next
# boot; the tests run instances of their own, as they do of the SSH server, to which files are
# uploaded. Chromium, and Node's packages below ui/, are for the tests of the page. This script
# starts and stops no service.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
tools=$target/tools
rust_needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
updated=no

say() { printf 'setup: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

die() {
    printf 'error: %s\n' "$1" >&2
    shift
    for hint in "$@"; do printf 'hint: %s\n' "$hint" >&2; done
    exit 1
}

# Runs a command as root, or says which one somebody else has to run.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    elif have sudo && [ -t 0 ]; then
        sudo "$@"
    else
        die "this needs root: $*" "run it as root, then repeat"
    fi
}

apt_update_once() {
    [ "$updated" = yes ] && return
    updated=yes
    say "apt-get update"
    as_root apt-get update -qq
}

# apt_install PACKAGE...: Debian packages without a daemon of their own. A first attempt uses
# the lists that are there, a second one fresh lists.
apt_install() {
    have apt-get || die "missing: $*" "install them with this system's package manager"
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return
    apt_update_once
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        die "apt-get could not install: $*"
}

policy=/usr/sbin/policy-rc.d
policy_aside=$policy.before-loggr-setup

# Debian asks this file before it starts a service.
policy_denies() {
    local said=0
    [ -x "$policy" ] || return 1
    "$policy" "$1" start >/dev/null 2>&1 || said=$?
    [ "$said" = 101 ]
}

deny_starting() {
    local new
    [ ! -e "$policy" ] || as_root mv "$policy" "$policy_aside"
    new=$(mktemp)
    printf '#!/bin/sh\nexit 101\n' >"$new"
    as_root install -m 755 "$new" "$policy"
    rm -f "$new"
}

restore_policy() {
    as_root rm -f "$policy"
    [ ! -e "$policy_aside" ] || as_root mv "$policy_aside" "$policy"
}

# install_daemon SERVICE PACKAGE...: Debian packages that bring a service, which is not
# started: while they are installed the machine's policy is to start nothing.
install_daemon() {
    local service=$1
    shift
    have apt-get || die "missing: $*" "install them with this system's package manager"
    if policy_denies "$service"; then
        apt_install "$@"
    else
        trap restore_policy EXIT
        deny_starting
        apt_install "$@"
        restore_policy
        trap - EXIT
    fi
    # Not at the next boot either; a machine without it boots no service.
    ! have update-rc.d || as_root update-rc.d "$service" disable >/dev/null 2>&1 || true
}

# unpack NAME PACKAGE...: unpacks Debian packages into $tools/NAME. Needs no root where
# apt's lists are there.
unpack() {
    local name=$1 dir
    shift
    have apt-get || return 1
    say "unpacking $* into $tools/$name"
    dir=$tools/.$name.new
    rm -rf "$dir" && mkdir -p "$dir/deb" "$dir/root"
    # apt's own user may not enter the directory; it then downloads as the caller and warns
    (cd "$dir/deb" && apt-get download -qq "$@" 2>/dev/null) || {
        apt_update_once
        (cd "$dir/deb" && apt-get download -qq "$@" 2>/dev/null) || return 1
    }
    for deb in "$dir"/deb/*.deb; do dpkg -x "$deb" "$dir/root" || return 1; done
    rm -rf "${tools:?}/$name" && mv "$dir/root" "$tools/$name" && rm -rf "$dir"
}

# pytool MODULE [PACKAGE]: a Python package below the target directory.
pytool() {
    local package=${2:-$1}
    [ ! -d "$target/pytools/$1" ] || return 0
    python3 -m pip --version >/dev/null 2>&1 || apt_install python3-pip
    say "installing the Python package $package into $target/pytools"
    # Two of them may need the same third one.
    python3 -m pip install -q --upgrade --disable-pip-version-check --root-user-action=ignore --target "$target/pytools" "$package"
}

rust() {
    if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
        die "cargo is installed but not on the path" "add \$HOME/.cargo/bin to PATH"
    fi
    if ! have cargo && have apt-cache && apt-cache show rustup >/dev/null 2>&1; then
        apt_install rustup
        rustup toolchain install stable --profile default
    fi
    have cargo || die "Rust is missing: loggr needs $rust_needed or newer" \
        "install it with rustup (https://rustup.rs); Debian 12's own rustc is too old"
    local version
    version=$(rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n%s\n' "$rust_needed" "${version%%-*}" | sort -V | head -n 1)" = "$rust_needed" ] ||
        die "Rust $version is too old: loggr needs $rust_needed or newer" "update it: rustup update stable"
}

base() {
    local missing=()
    have cc || missing+=(gcc libc6-dev)
    have make || missing+=(make)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
    rust
}

neighbours() {
    local missing=()
    have logger || missing+=(bsdutils)
    have python3 || missing+=(python3)
    have git || missing+=(git)
    have openssl || missing+=(openssl)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
    # Power cuts are tested on an XFS image, which root alone may mount.
    have mkfs.xfs || [ -x /usr/sbin/mkfs.xfs ] || [ "$(id -u)" != 0 ] || (apt_install xfsprogs e2fsprogs) ||
        say "no xfsprogs: the tests of power cuts will be skipped"
    mkdir -p "$tools"

    local arch
    arch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch 2>/dev/null || uname -m)
    if ! { [ -x /usr/sbin/rsyslogd ] && [ -e "/usr/lib/$arch/rsyslog/omrelp.so" ] &&
        [ -e "/usr/lib/$arch/rsyslog/lmnsd_ossl.so" ] && [ -e "/usr/lib/$arch/rsyslog/lmnsd_gtls.so" ]; } &&
        ! compgen -G "$tools/rsyslog/usr/lib/*/rsyslog/lmnsd_gtls.so" >/dev/null; then
        # With the PostgreSQL output, which the benchmark measures loggr against, and both drivers of TLS.
        unpack rsyslog rsyslog rsyslog-pgsql libpq5 rsyslog-relp librelp0 rsyslog-openssl rsyslog-gnutls \
            libestr0 libfastjson4 liblognorm5 ||
            say "no rsyslogd: tests against it will be skipped"
    fi
    # Its output to search servers, for who takes the place of one.
    if [ ! -e "/usr/lib/$arch/rsyslog/omelasticsearch.so" ] &&
        ! compgen -G "$tools/rsyslog-elasticsearch/usr/lib/*/rsyslog/omelasticsearch.so" >/dev/null; then
        ldconfig -p | grep -q 'libcurl\.so\.4' || (apt_install libcurl4)
        unpack rsyslog-elasticsearch rsyslog-elasticsearch ||
            say "no omelasticsearch: the test with it will be skipped"
    fi
    if ! have loggen && [ ! -x "$tools/syslog-ng/usr/bin/loggen" ]; then
        unpack syslog-ng syslog-ng-core libivykis0 libnet1 libjson-c5 libpcre3 libglib2.0-0 libwrap0 ||
            say "no loggen: tests with it will be skipped"
    fi
    # The journal's own writer: it needs no running systemd.
    if [ ! -x /lib/systemd/systemd-journal-remote ] && [ ! -x "$tools/journal/lib/systemd/systemd-journal-remote" ]; then
        unpack journal systemd-journal-remote systemd libsystemd-shared libsystemd0 libmicrohttpd12 ||
            say "no systemd-journal-remote: the tests of the journal will be skipped"
    fi
    # Installed it would rotate this machine's logs.
    if [ ! -x /usr/sbin/logrotate ] && [ ! -x "$tools/logrotate/usr/sbin/logrotate" ]; then
        unpack logrotate logrotate libpopt0 || say "no logrotate: the tests of rotation will be skipped"
    fi
    have gzip || (apt_install gzip)
    pytool duckdb || say "no DuckDB: the tests that read the store's files with it will be skipped"
    pytool schemathesis || say "no schemathesis: the API's document will not be held against the server"
    pytool oidc_provider_mock oidc-provider-mock ||
        say "no provider of OpenID Connect: the tests of log-in through one will be skipped"
    pytool elasticsearch 'elasticsearch<9' && pytool logging_loki python-logging-loki &&
        pytool opentelemetry/exporter opentelemetry-exporter-otlp-proto-http && pytool graypy ||
        say "not all senders over HTTP, and of GELF: the tests with them will be skipped"
    # Each brings a program that speaks the interface of a search server: of OpenSearch, and of Elasticsearch.
    pytool osmem_server osmem-server && pytool noida_db noida-db ||
        say "no search server: the tests of shippers of kind \`elastic\` against one will be skipped"
}

# Where the broker's start script, a server and initdb are: what the tests look for.
engines() {
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || install_daemon rabbitmq-server rabbitmq-server
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || install_daemon postgresql postgresql
    have redis-server || install_daemon redis-server redis-server
}

# Who uploads files: rsync, and sftp with a server that a test starts for itself.
uploaders() {
    have sftp || apt_install openssh-client
    have rsync || install_daemon rsync rsync
    [ -x /usr/sbin/sshd ] || install_daemon ssh openssh-server
}

# The page is tested in a real browser, which packages of Node drive.
browser() {
    [ -x "${CHROMIUM:-/usr/bin/chromium}" ] || (apt_install chromium) ||
        say "no Chromium: the tests of the page will be skipped"
    # Where Node is too old, scripts/node.sh puts one into an environment of Python.
    CARGO_TARGET_DIR=$target "$root/scripts/node.sh" true >&2 || (apt_install python3-venv) || true
    CARGO_TARGET_DIR=$target make -s -C "$root" ui/node_modules >&2 ||
        say "no packages of Node: the tests of the page will be skipped"
}

case ${1:-run} in
    run) base ;;
    test) base && neighbours && engines && uploaders && browser ;;
    *) die "unknown argument \`$1\`" "use \`run\` or \`test\`" ;;
esac
