# Sourced by the other scripts: make_venv DIR EXTRA makes a virtual environment with jaxhpo in it,
# or leaves it alone if it is there and pyproject.toml has not changed since.

find_python() {
  local name
  for name in ${PYTHON:-} python3.12 python3.11 python3 python; do
    if command -v "$name" >/dev/null 2>&1 &&
      "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "jaxhpo needs Python 3.11 or later, and none was found. Install one, or name it: PYTHON=/path/to/python $0" >&2
  exit 1
}

make_venv() {
  local dir=$1 extra=$2 python stamp
  stamp="$extra $(cksum < pyproject.toml)"
  if [ -x "$dir/bin/python" ] && [ "$(cat "$dir/.installed-$extra" 2>/dev/null)" = "$stamp" ]; then
    return
  fi
  if [ ! -x "$dir/bin/python" ]; then
    python=$(find_python)
    echo "Making $dir with $("$python" --version)"
    if ! "$python" -m venv "$dir"; then
      echo "Could not make a virtual environment (on Debian and Ubuntu: apt install python3-venv)" >&2
      exit 1
    fi
  fi
  echo "Installing jaxhpo[$extra]"
  "$dir/bin/python" -m pip install --quiet --disable-pip-version-check -e ".[$extra]"
  echo "$stamp" > "$dir/.installed-$extra"
}
