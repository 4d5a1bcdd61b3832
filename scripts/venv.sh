# Sourced by the other scripts: make_venv DIR EXTRA makes a virtual environment with jaxhpo[EXTRA] in
# it, or leaves it alone if it is there and pyproject.toml has not changed since. Where it can't, it
# says why and returns 1.

is_recent() { # is $1 a Python that jaxhpo runs on?
  [ "$("$1" -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null)" = True ]
}

find_python() {
  local name
  if [ -n "${PYTHON:-}" ]; then
    is_recent "$PYTHON" && echo "$PYTHON" && return
    echo "PYTHON=$PYTHON is no Python 3.11 or later" >&2
    return 1
  fi
  for name in python3.12 python3.11 python3.13 python3 python; do
    is_recent "$name" && echo "$name" && return
  done
  echo "jaxhpo needs Python 3.11 or later, and none was found." \
    "Install one, or name it: PYTHON=/path/to/python $0" >&2
  return 1
}

make_venv() {
  local dir=$1 extra=$2 python stamp
  stamp="$extra $PWD $(cksum < pyproject.toml)"
  if [ "$(cat "$dir/.installed-$extra" 2>/dev/null)" = "$stamp" ] && is_recent "$dir/bin/python"; then
    return
  fi
  # What was left half made, or lost its Python, is made anew.
  if ! is_recent "$dir/bin/python" || ! "$dir/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python) || return 1
    echo "Making $dir with $("$python" --version)"
    if ! "$python" -m venv --clear "$dir"; then
      echo "Could not make a virtual environment (on Debian and Ubuntu: apt install python3-venv)" >&2
      return 1
    fi
  fi
  echo "Installing jaxhpo[$extra] into $dir (a minute or two)"
  if ! "$dir/bin/python" -m pip install --quiet --disable-pip-version-check -e ".[$extra]"; then
    echo "Could not install jaxhpo[$extra]; what pip says stands above" >&2
    return 1
  fi
  echo "$stamp" > "$dir/.installed-$extra"
}
