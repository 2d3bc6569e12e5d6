# Finds the Python to set Kasir up with. Sourced by setup.sh and lock.sh; sets `python`.
#
# Each name is tried by running it: a version manager may leave commands on the path that only
# print that no such Python is installed, and Debian ships Python without its venv module.

# Python that fails if it is too old, or has no venv module.
fits='import sys
assert sys.version_info >= (3, 11)
import ensurepip, venv'

find_python() {
    too_old='' bare=''
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 python}; do
        if "$name" -c "$fits" >/dev/null 2>&1; then
            python=$name
            return
        fi
        version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
        case $version in
            2.* | 3.[0-9] | 3.10) too_old="$too_old, $name is $version" ;;
            *) bare=${bare:-$version} ;;
        esac
    done
    if [ -n "$bare" ]; then
        echo "kasir: Python $bare has no venv module; on Debian and Ubuntu: apt-get install python$bare-venv" >&2
    else
        echo "kasir: needs Python 3.11 or newer${too_old:- (none found)}; name one: make setup PYTHON=/path/to/python3.12" >&2
    fi
    exit 1
}

find_python
